//! Protobuf as it lies on the wire: read where it lies, written from its end.
//!
//! A check has a hundred strings of which a decision reads a few, and the
//! generated types copy them all: reading them where they lie takes a fifth of the
//! time. An answer is written from its end to its beginning, so that the length
//! of what is nested is known when it must be written. What is read and written
//! is compared with the generated types by properties, in `request` and
//! `response`. <https://protobuf.dev/programming-guides/encoding/>

/// Bytes that are no protobuf, or not of the shape that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'m> {
    /// Text, bytes, or a message.
    Bytes(&'m [u8]),
    /// A number of any kind, which no decision reads.
    Number,
}

impl<'m> Value<'m> {
    pub(super) fn bytes(self) -> Result<&'m [u8], Broken> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number => Err(Broken),
        }
    }

    pub(super) fn text(self) -> Result<&'m str, Broken> {
        str::from_utf8(self.bytes()?).map_err(|_| Broken)
    }
}

/// The fields of a message, by their numbers, as they stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'m>(&'m [u8]);

impl<'m> Fields<'m> {
    pub(super) fn of(message: &'m [u8]) -> Self {
        Self(message)
    }

    fn varint(&mut self) -> Result<u64, Broken> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Broken)?;
            self.0 = rest;
            // The tenth byte has one bit left.
            if shift == 63 && *byte > 1 {
                return Err(Broken);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Broken)
    }

    fn take(&mut self, length: u64) -> Result<&'m [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| Broken)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u32, Value<'m>), Broken> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Broken)?;
        let value = match tag & 7 {
            0 => self.varint().map(|_| Value::Number)?,
            1 => self.take(8).map(|_| Value::Number)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Number)?,
            // Groups, which nobody writes since proto3.
            _ => return Err(Broken),
        };
        match tag >> 3 {
            0 => Err(Broken),
            number => Ok((number, value)),
        }
    }
}

impl<'m> Iterator for Fields<'m> {
    type Item = Result<(u32, Value<'m>), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// A message on its way, its last byte first. Fields are written in the reverse
/// of the order in which they are to stand.
#[derive(Debug)]
pub(super) struct Backwards(Vec<u8>);

impl Backwards {
    /// An empty message. `bytes` is about how long it will be.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes))
    }

    /// How much is written.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// A number. What is 0 need not be written.
    pub(super) fn number(&mut self, field: u8, number: u32) {
        self.varint(number.into());
        self.0.push(field << 3);
    }

    /// Text, or bytes.
    pub(super) fn text(&mut self, field: u8, text: &str) {
        self.raw(text.as_bytes());
        self.end(field, text.len());
    }

    /// A message within the message.
    pub(super) fn message(&mut self, field: u8, write: impl FnOnce(&mut Self)) {
        let before = self.0.len();
        write(self);
        self.end(field, self.0.len() - before);
    }

    /// These bytes.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes.iter().rev());
    }

    /// All of it, its first byte first.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.reverse();
        self.0
    }

    /// The beginning of a field of so many bytes. `field` is below 16, so that it
    /// takes one byte.
    fn end(&mut self, field: u8, length: usize) {
        self.varint(u64::try_from(length).unwrap_or_default());
        self.0.push(field << 3 | 2);
    }

    fn varint(&mut self, mut number: u64) {
        let (mut bytes, mut last) = ([0; 10], 0);
        for byte in &mut bytes {
            *byte = u8::try_from(number & 0x7f).unwrap_or_default() | 0x80;
            number >>= 7;
            if number == 0 {
                *byte &= 0x7f;
                break;
            }
            last += 1;
        }
        self.raw(bytes.get(..=last).unwrap_or(&bytes));
    }
}
