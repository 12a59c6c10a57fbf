//! As much of DER as it takes to find the public key in a PEM file, and the
//! names in a certificate.

/// Reads one element after the other.
pub(super) struct Reader<'d>(pub(super) &'d [u8]);

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_ID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0]`, which in a certificate holds the version.
const VERSION: u8 = 0xa0;

impl<'d> Reader<'d> {
    /// The next element: its tag and contents.
    pub(super) fn next(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // Tags of several bytes stand nowhere on the way to a key.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes.iter().fold(0usize, |sum, b| sum * 256 + usize::from(*b));
                // One spelling: no leading zero, and no long form for what
                // fits the short one.
                if bytes.first() == Some(&0) || length < 0x80 {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, contents))
    }

    /// The contents of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, contents)| contents)
    }

    /// `Some` when nothing is left.
    pub(super) fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// The only element of a document, a sequence.
fn sequence(der: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader(der);
    let contents = reader.expect(SEQUENCE)?;
    reader.end()?;
    Some(Reader(contents))
}

/// Modulus and exponent of an `RSAPublicKey`.
pub(super) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut key = sequence(der)?;
    let (n, e) = (key.expect(INTEGER)?, key.expect(INTEGER)?);
    key.end()?;
    // The first bit is the sign.
    let positive = |number: &[u8]| number.first().is_some_and(|b| *b < 0x80);
    (positive(n) && positive(e)).then_some((n, e))
}

/// The parts of a `SubjectPublicKeyInfo`.
pub(super) struct KeyInfo<'d> {
    /// The object identifier of the kind of key, encoded.
    pub(super) kind: &'d [u8],
    /// The object identifier that follows it, such as the curve's.
    pub(super) parameter: Option<&'d [u8]>,
    /// The key itself.
    pub(super) key: &'d [u8],
}

/// Reads a `SubjectPublicKeyInfo`.
pub(super) fn key_info(der: &[u8]) -> Option<KeyInfo<'_>> {
    let mut reader = Reader(der);
    let info = reader.expect(SEQUENCE)?;
    reader.end()?;
    read_key_info(info)
}

fn read_key_info(contents: &[u8]) -> Option<KeyInfo<'_>> {
    let mut info = Reader(contents);
    let mut algorithm = Reader(info.expect(SEQUENCE)?);
    let kind = algorithm.expect(OBJECT_ID)?;
    let parameter = algorithm.next().filter(|(tag, _)| *tag == OBJECT_ID).map(|(_, contents)| contents);
    let (unused_bits, key) = info.expect(BIT_STRING)?.split_first()?;
    info.end()?;
    (*unused_bits == 0).then_some(KeyInfo { kind, parameter, key })
}

/// The key of a certificate. Its signature, names and dates are not looked at:
/// whoever configures the file vouches for it.
pub(super) fn certificate_key_info(der: &[u8]) -> Option<KeyInfo<'_>> {
    read_key_info(certificate_body(der)?.expect(SEQUENCE)?)
}

/// What a certificate says, from its key on.
pub(super) fn certificate_body(der: &[u8]) -> Option<Reader<'_>> {
    let mut certificate = sequence(der)?;
    let mut body = Reader(certificate.expect(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    body.expect(INTEGER)?; // serial number
    for _signature_issuer_validity_subject in 0..4 {
        body.expect(SEQUENCE)?;
    }
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_spelling_and_stay_inside() {
        let read = |der: &[u8]| Reader(der).next().map(|(_, contents)| contents.len());
        assert_eq!(read(&[0x02, 0x01, 0x05]), Some(1));
        let mut long = vec![0x04, 0x81, 0x80];
        long.extend([0; 128]);
        assert_eq!(read(&long), Some(128));
        for der in [
            &[][..],
            &[0x02],
            &[0x02, 0x02, 0x01],
            &[0x02, 0x80, 0x00, 0x00],
            &[0x02, 0x81, 0x01, 0x05],
            &[0x02, 0x82, 0x00, 0x80],
            &[0x02, 0x84, 0x00, 0x00, 0x00, 0x01, 0x05],
            &[0x1f, 0x01, 0x05],
            &[0x02, 0x83, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(read(der), None, "{der:x?}");
        }
    }

    #[test]
    fn negative_numbers_and_trailing_bytes_are_no_rsa_key() {
        assert!(rsa_public_key(&[0x30, 6, 2, 1, 5, 2, 1, 3]).is_some());
        assert!(rsa_public_key(&[0x30, 6, 2, 1, 0x85, 2, 1, 3]).is_none());
        assert!(rsa_public_key(&[0x30, 6, 2, 1, 5, 2, 1, 3, 0]).is_none());
        assert!(rsa_public_key(&[0x30, 7, 2, 1, 5, 2, 1, 3, 0]).is_none());
    }
}
