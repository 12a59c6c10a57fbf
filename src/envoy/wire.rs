//! Protobuf as it lies on the wire: read where it lies, written from its end.
//!
//! A check has a hundred strings of which a decision reads a few, and the
//! generated types copy them all: reading them where they lie takes a fifth of the
//! time. An answer is written from its end to its beginning, so that the length
//! of what is nested is known when it must be written. What is read and written
//! is compared with the generated types by properties, in `request` and
//! `response`. <https://protobuf.dev/programming-guides/encoding/>

use hyper::body::Bytes;

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
        // Most are one byte.
        if let [byte @ ..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Ok((*byte).into());
        }
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

/// A message on its way, written from its end. Fields are written in the reverse of
/// the order in which they are to stand.
#[derive(Debug)]
pub(super) struct Backwards {
    /// Room, and at its end what is written.
    bytes: Vec<u8>,
    room: usize,
}

impl Backwards {
    /// An empty message, with room for so many bytes.
    pub(super) fn with_room(room: usize) -> Self {
        Self { bytes: vec![0; room], room }
    }

    /// How much is written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.room
    }

    /// A number. What is 0 need not be written.
    pub(super) fn number(&mut self, field: u8, number: u32) {
        self.varint(number.into());
        self.raw(&[field << 3]);
    }

    /// Text, or bytes.
    pub(super) fn text(&mut self, field: u8, text: &str) {
        self.raw(text.as_bytes());
        self.begin(field, text.len());
    }

    /// A message within the message.
    pub(super) fn message(&mut self, field: u8, write: impl FnOnce(&mut Self)) {
        let before = self.len();
        write(self);
        self.begin(field, self.len() - before);
    }

    /// These bytes.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        if self.room < bytes.len() {
            self.grow(bytes.len());
        }
        let start = self.room - bytes.len();
        // INVARIANT: there is room for them.
        if let Some(place) = self.bytes.get_mut(start..self.room) {
            place.copy_from_slice(bytes);
            self.room = start;
        }
    }

    /// All of it.
    pub(super) fn finish(self) -> Bytes {
        Bytes::from(self.bytes).split_off(self.room)
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        let more = by + self.bytes.len();
        self.bytes.splice(0..0, std::iter::repeat_n(0, more));
        self.room += more;
    }

    /// The beginning of a field of so many bytes. `field` is below 16, so that it
    /// takes one byte.
    fn begin(&mut self, field: u8, length: usize) {
        let tag = field << 3 | 2;
        match u8::try_from(length) {
            Ok(length) if length < 0x80 => self.raw(&[tag, length]),
            _ => {
                self.varint(u64::try_from(length).unwrap_or_default());
                self.raw(&[tag]);
            }
        }
    }

    fn varint(&mut self, mut number: u64) {
        let (mut bytes, mut length) = ([0; 10], 0);
        for byte in &mut bytes {
            *byte = u8::try_from(number & 0x7f).unwrap_or_default();
            length += 1;
            number >>= 7;
            if number == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.raw(bytes.get(..length).unwrap_or_default());
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_whatever_room_there_was() {
        for (room, length) in [(0, 0), (0, 1), (1, 127), (64, 128), (200, 200), (3, 70_000)] {
            let text = "x".repeat(length);
            let mut to = Backwards::with_room(room);
            to.text(2, &text);
            to.message(1, |to| to.text(15, &text));
            let bytes = to.finish();
            let fields: Vec<_> = Fields::of(&bytes).collect();
            let [Ok((1, Value::Bytes(inner))), Ok((2, outer))] = *fields else { panic!("{fields:?}") };
            assert_eq!(outer.text(), Ok(&*text));
            let inner: Vec<_> = Fields::of(inner).collect();
            assert_eq!(inner, [Ok((15, Value::Bytes(text.as_bytes())))]);
        }
    }

    #[test]
    fn what_is_no_field_is_broken_and_the_end_of_it() {
        for bytes in [
            &b"\x0a"[..],
            b"\x0a\x05abc",
            b"\x00\x00",
            b"\x0b\x0c",
            b"\x09abc",
            b"\x0d\x01\x02",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x80\x80\x80\x80\x80\x01\x00",
        ] {
            assert_eq!(Fields::of(bytes).collect::<Vec<_>>(), [Err(Broken)], "{bytes:x?}");
        }
    }
}
