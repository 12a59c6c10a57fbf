//! JSON written straight into bytes, one line whatever it holds.
//!
//! Texts are cut at [`LONGEST`] bytes. Whatever a terminal or a reader of lines
//! could take for anything but a letter is escaped: a text is never seen to be
//! longer, shorter or elsewhere than it is.

use std::io::Write;
use std::net::IpAddr;

use crate::diag::Place;
use crate::words::is_unseen;

/// The longest text, in bytes before it is escaped.
pub(super) const LONGEST: usize = 256;

/// The name of a member of ours, with what stands around it: in one piece, because a
/// line has twenty of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name(&'static str);

impl Name {
    /// What [`name!`] makes.
    pub(super) const fn of(written: &'static str) -> Self {
        Self(written)
    }
}

/// The [`Name`] of a member, in which there is nothing to escape.
macro_rules! name {
    ($name:literal) => {
        $crate::telemetry::json::Name::of(concat!(",\"", $name, "\":"))
    };
}
pub(super) use name;

/// An object that is being written.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// The rest of an object that has members already.
    pub(super) fn rest(out: &'o mut Vec<u8>) -> Self {
        Self { out, empty: false }
    }

    /// Members that were written as the [`rest`](Self::rest) of an object.
    pub(super) fn members(&mut self, written: &[u8]) {
        self.out.extend_from_slice(written);
    }

    /// A member whose value comes next, from elsewhere.
    pub(super) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        self.separate();
        string(self.out, name);
        self.out.push(b':');
        self.out
    }

    /// The same for a name of ours.
    pub(super) fn ours(&mut self, name: Name) -> &mut Vec<u8> {
        let first = std::mem::take(&mut self.empty);
        let written = name.0.as_bytes().get(usize::from(first)..).unwrap_or_default();
        self.out.extend_from_slice(written);
        self.out
    }

    pub(super) fn text(&mut self, name: Name, value: &str) {
        string(self.ours(name), value);
    }

    /// A text of ours, in which there is nothing to cut or to escape.
    pub(super) fn word(&mut self, name: Name, value: impl AsRef<[u8]>) {
        let out = self.ours(name);
        out.push(b'"');
        out.extend_from_slice(value.as_ref());
        out.push(b'"');
    }

    pub(super) fn number(&mut self, name: Name, value: u64) {
        number(self.ours(name), value);
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
    }

    pub(super) fn close(self) {
        self.out.push(b'}');
    }
}

/// A list, each item written by `each`.
pub(super) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut each: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, item);
    }
    out.push(b']');
}

/// What is JSON as it is displayed.
pub(super) fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // Bytes in memory: there is always room for them.
    write!(out, "{value}").unwrap_or_default();
}

/// A number, in decimal digits.
pub(super) fn number(out: &mut Vec<u8>, value: u64) {
    let from = out.len();
    let mut rest = value;
    loop {
        // INVARIANT: what is left of a division by ten is a digit.
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.get_mut(from..).into_iter().for_each(<[u8]>::reverse);
}

/// A text, cut and escaped.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    part(out, text);
    out.push(b'"');
}

/// A part of a text, cut and escaped.
pub(super) fn part(out: &mut Vec<u8>, text: &str) {
    let mut rest = cut(text);
    // Most have nothing to escape, which is seen many bytes at a time.
    if rest.bytes().fold(true, |so_far, byte| so_far & is_plain(byte)) {
        out.extend_from_slice(rest.as_bytes());
        rest = "";
    }
    while let Some((plain, odd)) =
        rest.bytes().position(|byte| !is_plain(byte)).and_then(|at| rest.split_at_checked(at))
    {
        out.extend_from_slice(plain.as_bytes());
        let mut chars = odd.chars();
        chars.next().into_iter().for_each(|c| character(out, c));
        rest = chars.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

/// A place, as it is displayed.
pub(super) fn place(out: &mut Vec<u8>, place: &Place) {
    out.push(b'"');
    part(out, &place.file);
    out.push(b':');
    number(out, place.line.into());
    out.push(b'"');
}

/// An address.
pub(super) fn address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        return display(out, format_args!("\"{address}\""));
    };
    for (at, byte) in address.octets().into_iter().enumerate() {
        out.push(if at == 0 { b'"' } else { b'.' });
        number(out, byte.into());
    }
    out.push(b'"');
}

/// What stands for itself, whatever is around it.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn character(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        c if is_unseen(c) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap_or_default();
            }
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// The beginning of a text, whole characters, at most [`LONGEST`] bytes.
fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn log_1_texts_are_cut_at_a_character() {
        let long = "é".repeat(300);
        assert_eq!(cut(&long).len(), LONGEST);
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&format!("a{long}")).len(), LONGEST - 1);
    }

    #[test]
    fn log_1_what_nobody_sees_is_escaped_and_the_rest_stands_for_itself() {
        for (text, expected) in [
            ("/a b/é/日本", r#""/a b/é/日本""#),
            ("a\"}\n{\"b", r#""a\"}\u000a{\"b""#),
            ("\\\t\r\u{7f}\u{85}", r#""\\\u0009\u000d\u007f\u0085""#),
            ("\u{1b}[31m", r#""\u001b[31m""#),
            ("\u{2028}\u{2029}\u{a0}", r#""\u2028\u2029\u00a0""#),
            ("\u{202e}\u{2066}\u{feff}\u{200b}", r#""\u202e\u2066\ufeff\u200b""#),
            ("\u{e0041}", r#""\udb40\udc41""#),
        ] {
            assert_eq!(written(text), expected);
        }
    }

    #[test]
    fn numbers_are_digits() {
        for value in [0, 7, 10, 200, 65_535, 1_000_000, u64::MAX] {
            let mut out = Vec::new();
            number(&mut out, value);
            assert_eq!(out, value.to_string().into_bytes());
        }
    }

    #[test]
    fn addresses_are_written_as_they_are_displayed() {
        for text in ["0.0.0.0", "192.0.2.7", "255.100.20.3", "::1", "2001:db8::1", "::ffff:192.0.2.7"] {
            let mut out = Vec::new();
            address(&mut out, text.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), format!("\"{text}\""));
        }
    }

    #[test]
    fn members_and_items_are_separated() {
        let mut out = Vec::new();
        let mut object = Object::open(&mut out);
        object.text(name!("a"), "b");
        object.number(name!("c"), 7);
        object.word(name!("w"), "x");
        list(object.member("d"), ["e", "f"], string);
        list(object.member("g"), [""; 0], string);
        object.close();
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"a":"b","c":7,"w":"x","d":["e","f"],"g":[]}"#);
    }
}
