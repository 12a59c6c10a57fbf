//! The names that a certificate holds: all of them, exactly, or none.
//!
//! Who may connect is decided by these names, so there is one reading of them.
//! A certificate whose names two readers could take differently has none.

use super::der::{OBJECT_ID, Reader, SEQUENCE, certificate_body};

/// The URIs and DNS names among a certificate's subject alternative names. The
/// common name is not one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// The URIs.
    pub uris: Vec<String>,
    /// The DNS names.
    pub dns: Vec<String>,
}

const BOOLEAN: u8 = 0x01;
const OCTET_STRING: u8 = 0x04;
/// `[3]`, which in a certificate holds the extensions.
const EXTENSIONS: u8 = 0xa3;
/// 2.5.29.17, encoded.
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

const DNS_NAME: u8 = 0x82;
const URI: u8 = 0x86;
/// Other names, mail addresses, directory names, IP addresses and the like.
const OTHERS: [u8; 7] = [0xa0, 0x81, 0xa3, 0xa4, 0xa5, 0x87, 0x88];

const SPIFFE: &str = "spiffe://";

impl CertificateNames {
    /// Reads a certificate whose signature was verified, or says why nobody
    /// is to be taken for its owner.
    pub fn read(certificate: &[u8]) -> Result<Self, &'static str> {
        let mut body = certificate_body(certificate).ok_or("the certificate is not well formed")?;
        let Some(extension) = extension(&mut body).ok_or("its extensions are not well formed")? else {
            return Ok(Self::default());
        };
        let mut names = Self::default();
        names.collect(extension).ok_or("its alternative names are not well formed")?;
        let all = || names.uris.iter().chain(&names.dns);
        if !all().all(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic())) {
            return Err("one of its alternative names is empty or holds an odd character");
        }
        // One workload has one; of two, readers pick different ones.
        let is_spiffe =
            |uri: &&String| uri.get(..SPIFFE.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SPIFFE));
        if names.uris.iter().filter(is_spiffe).count() > 1 {
            return Err("it holds several SPIFFE ids");
        }
        Ok(names)
    }

    fn collect(&mut self, extension: &[u8]) -> Option<()> {
        let mut outer = Reader(extension);
        let mut list = Reader(outer.expect(SEQUENCE)?);
        outer.end()?;
        while list.end().is_none() {
            let (tag, contents) = list.next()?;
            let list = match tag {
                URI => &mut self.uris,
                DNS_NAME => &mut self.dns,
                tag if OTHERS.contains(&tag) => continue,
                _ => return None,
            };
            list.push(str::from_utf8(contents).ok()?.to_owned());
        }
        Some(())
    }
}

/// The one extension with alternative names, if there is one.
fn extension<'d>(body: &mut Reader<'d>) -> Option<Option<&'d [u8]>> {
    body.expect(SEQUENCE)?; // the key
    let mut found = None;
    while body.end().is_none() {
        let (tag, contents) = body.next()?;
        if tag != EXTENSIONS {
            continue; // unique ids
        }
        let mut outer = Reader(contents);
        let mut list = Reader(outer.expect(SEQUENCE)?);
        outer.end()?;
        while list.end().is_none() {
            let mut extension = Reader(list.expect(SEQUENCE)?);
            let id = extension.expect(OBJECT_ID)?;
            let value = match extension.next()? {
                (BOOLEAN, _) => extension.expect(OCTET_STRING)?,
                (OCTET_STRING, value) => value,
                _ => return None,
            };
            extension.end()?;
            if id == SUBJECT_ALTERNATIVE_NAME && found.replace(value).is_some() {
                return None;
            }
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, CustomExtension, KeyPair, SanType};

    fn uri(text: &str) -> SanType {
        SanType::URI(Ia5String::try_from(text).unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(Ia5String::try_from(text).unwrap())
    }

    fn certificate(names: Vec<SanType>, more: Vec<CustomExtension>) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params.custom_extensions = more;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn read(names: Vec<SanType>) -> Result<CertificateNames, &'static str> {
        CertificateNames::read(&certificate(names, Vec::new()))
    }

    /// An extension with alternative names, its contents as they are.
    fn raw(contents: &[u8]) -> CustomExtension {
        CustomExtension::from_oid_content(&[2, 5, 29, 17], contents.to_vec())
    }

    #[test]
    fn all_names_are_read_in_their_order() {
        let address = SanType::IpAddress("10.0.0.1".parse().unwrap());
        let names =
            read(vec![dns("b.example"), uri("spiffe://a/b"), address, uri("https://a/"), dns("a.example")]);
        let names = names.unwrap();
        assert_eq!(names.uris, ["spiffe://a/b", "https://a/"]);
        assert_eq!(names.dns, ["b.example", "a.example"]);
        assert_eq!(read(Vec::new()), Ok(CertificateNames::default()));
    }

    #[test]
    fn attr_10_several_spiffe_ids_are_none() {
        assert!(read(vec![uri("spiffe://a/b"), uri("spiffe://a/c")]).is_err());
        assert!(read(vec![uri("spiffe://a/b"), uri("SPIFFE://a/b")]).is_err());
    }

    #[test]
    fn attr_10_names_with_odd_characters_are_none() {
        for name in ["a.example\0.evil.example", "a b", "a\n", "\u{7f}", ""] {
            assert!(read(vec![dns(name), uri("spiffe://a/b")]).is_err(), "{name:?}");
            assert!(read(vec![dns("a.example"), uri(name)]).is_err(), "{name:?}");
        }
        let not_utf8 = raw(&[0x30, 3, 0x82, 1, 0xff]);
        assert!(CertificateNames::read(&certificate(Vec::new(), vec![not_utf8])).is_err());
    }

    #[test]
    fn attr_10_what_is_not_exactly_a_list_of_names_is_none() {
        let good: &[u8] = &[0x30, 3, 0x82, 1, b'a'];
        let holds = |extensions| CertificateNames::read(&certificate(Vec::new(), extensions));
        assert_eq!(holds(vec![raw(good)]).unwrap().dns, ["a"]);
        assert!(holds(vec![raw(good), raw(good)]).is_err(), "two extensions");
        for bad in [
            &[][..],
            &[0x30, 3, 0x82, 1, b'a', 0],
            &[0x30, 4, 0x82, 1, b'a', 0x82],
            &[0x30, 3, 0x82, 2, b'a'],
            &[0x30, 3, 0x92, 1, b'a'],
            &[0x30, 3, 0x16, 1, b'a'],
            &[0x31, 3, 0x82, 1, b'a'],
        ] {
            assert!(holds(vec![raw(bad)]).is_err(), "{bad:x?}");
        }
    }

    #[test]
    fn a_cut_or_longer_certificate_is_none() {
        let whole = certificate(vec![dns("a.example")], Vec::new());
        for to in 0..whole.len() {
            assert!(CertificateNames::read(whole.get(..to).unwrap()).is_err(), "{to}");
        }
        assert!(CertificateNames::read(&[whole, vec![0]].concat()).is_err());
    }
}
