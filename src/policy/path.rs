//! The one reading of a request path.
//!
//! A path is either canonical, and then every reader we know of splits it into
//! the same segments, or it is refused. Nothing is decoded into something
//! else, merged, resolved or repaired: a repaired path is a second reading,
//! and the upstream may have the first (RFC 3986, sections 2.4 and 6.2).

use std::borrow::Cow;

/// The longest path, in bytes, query not counted.
pub const MAX_PATH: usize = 8192;
/// The most segments of a path.
pub const MAX_SEGMENTS: usize = 64;

/// Why a path is not canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathFault {
    /// It does not begin with `/`: no path at all.
    NotAbsolute,
    /// Over [`MAX_PATH`] bytes or [`MAX_SEGMENTS`] segments.
    TooLong,
    /// `.` or `..` as a segment, however spelled.
    DotSegment,
    /// `//`.
    EmptySegment,
    /// `\`.
    Backslash,
    /// `;`.
    PathParameter,
    /// `#`.
    Fragment,
    /// An encoded `/`, `\`, `%`, `;`, `?` or `#`.
    EncodedDelimiter,
    /// An encoded letter, digit, `-`, `.`, `_` or `~`.
    EncodedUnreserved,
    /// `%` without two hexadecimal digits behind it.
    BadEscape,
    /// A control character, raw or encoded.
    Control,
    /// Encoded bytes that are not UTF-8.
    NotUtf8,
    /// A raw character that no URI may hold.
    NotUriCharacter,
    /// A gRPC method path with a final `/`.
    GrpcTrailingSlash,
    /// Text that reads the same as a literal of the policy, once its escapes
    /// are decoded or its `;` parameters cut off.
    EncodedLiteral,
    /// Differs from a stricter route by letter case, outer spaces or an
    /// extension alone, and would fall to an anonymous one.
    NearMiss,
}

impl PathFault {
    /// A few words for a person.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAbsolute => "the path does not begin with `/`",
            Self::TooLong => "the path is longer than 8192 bytes or 64 segments",
            Self::DotSegment => "the path has a `.` or `..` segment",
            Self::EmptySegment => "the path has an empty segment (`//`)",
            Self::Backslash => "the path holds a backslash",
            Self::PathParameter => "the path holds a `;` parameter",
            Self::Fragment => "the path holds a `#`",
            Self::EncodedDelimiter => "the path holds an encoded `/`, `\\`, `%`, `;`, `?` or `#`",
            Self::EncodedUnreserved => "the path holds an encoded letter, digit, `-`, `.`, `_` or `~`",
            Self::BadEscape => "the path holds a `%` without two hexadecimal digits",
            Self::Control => "the path holds a control character",
            Self::NotUtf8 => "the path holds encoded bytes that are not UTF-8",
            Self::NotUriCharacter => "the path holds a character that must be percent-encoded",
            Self::GrpcTrailingSlash => "a gRPC method path does not end with `/`",
            Self::EncodedLiteral => "a literal segment of a route, spelled with an escape or a `;` behind it",
            Self::NearMiss => {
                "the path differs from that of a stricter route or another service by case, space or extension alone"
            }
        }
    }
}

/// A canonical request path, without its query.
#[derive(Debug, Clone, Copy)]
pub struct RequestPath<'a> {
    raw: &'a str,
    /// Where each segment ends; it begins one past the end of the one before.
    ends: [u16; MAX_SEGMENTS],
    len: usize,
    /// The first and last segment with `;` or an encoded slash, of which only
    /// a service that opted in may make sense.
    parameters: Option<usize>,
    encoded_slash: Option<usize>,
    trailing_slash: bool,
}

impl<'a> RequestPath<'a> {
    /// Reads a request target: the path up to the first `?`.
    ///
    /// `;` parameters and encoded slashes are noted, not refused, because the
    /// service decides (see [`RequestPath::parameters`]); dot segments hidden
    /// behind them are refused here.
    pub fn parse(target: &'a str) -> Result<Self, PathFault> {
        let raw = target.split('?').next().unwrap_or(target);
        let below = raw.strip_prefix('/').ok_or(PathFault::NotAbsolute)?;
        if raw.len() > MAX_PATH {
            return Err(PathFault::TooLong);
        }
        if target.contains('#') {
            return Err(PathFault::Fragment);
        }
        let mut path = Self {
            raw,
            ends: [0; MAX_SEGMENTS],
            len: 0,
            parameters: None,
            encoded_slash: None,
            trailing_slash: false,
        };
        if below.is_empty() {
            return Ok(path);
        }
        let mut end = 0;
        for segment in below.split('/') {
            end += 1 + segment.len();
            if segment.is_empty() {
                if end == raw.len() {
                    path.trailing_slash = true;
                    break;
                }
                return Err(PathFault::EmptySegment);
            }
            let found = inspect(segment)?;
            if found.parameter {
                path.parameters = Some(path.len);
            }
            if found.encoded_slash {
                path.encoded_slash = Some(path.len);
            }
            let slot = path.ends.get_mut(path.len).ok_or(PathFault::TooLong)?;
            *slot = u16::try_from(end).map_err(|_| PathFault::TooLong)?;
            path.len += 1;
        }
        Ok(path)
    }

    /// The path as it was sent.
    pub fn as_str(&self) -> &'a str {
        self.raw
    }

    /// The number of segments; a final `/` does not make one.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the path is `/` alone.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it ends with `/` after a segment. For routing, `/a/` is `/a`:
    /// most upstreams serve both, so they must meet the same route.
    pub fn has_trailing_slash(&self) -> bool {
        self.trailing_slash
    }

    /// A segment as it was sent.
    pub fn segment(&self, at: usize) -> Option<&'a str> {
        let end = usize::from(*self.ends.get(..self.len)?.get(at)?);
        let start = match at.checked_sub(1) {
            None => 1,
            Some(before) => usize::from(*self.ends.get(before)?) + 1,
        };
        self.raw.get(start..end)
    }

    /// All segments.
    pub fn segments(&self) -> impl Iterator<Item = &'a str> {
        (0..self.len).filter_map(|at| self.segment(at))
    }

    /// The last segment that carries a `;` parameter.
    pub fn parameters(&self) -> Option<usize> {
        self.parameters
    }

    /// The last segment that carries an encoded slash.
    pub fn encoded_slash(&self) -> Option<usize> {
        self.encoded_slash
    }
}

/// A segment with its escapes decoded. Lossless for segments of a
/// [`RequestPath`]: their escapes are well formed and UTF-8.
pub fn decode(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    Cow::Owned(String::from_utf8_lossy(&decode_bytes(segment)).into_owned())
}

fn decode_bytes(segment: &str) -> Vec<u8> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let escaped = (byte == b'%').then(|| escape(ahead.next(), ahead.next())).flatten();
        if escaped.is_some() {
            bytes = ahead;
        }
        decoded.push(escaped.unwrap_or(byte));
    }
    decoded
}

fn escape(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

struct Inspected {
    parameter: bool,
    encoded_slash: bool,
}

/// Looks at every byte of one segment, once.
fn inspect(segment: &str) -> Result<Inspected, PathFault> {
    let mut found = Inspected { parameter: false, encoded_slash: false };
    let mut beyond_ascii = false;
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let value = escape(bytes.next(), bytes.next()).ok_or(PathFault::BadEscape)?;
                match value {
                    b'/' => found.encoded_slash = true,
                    b'\\' | b'%' | b';' | b'?' | b'#' => return Err(PathFault::EncodedDelimiter),
                    0..=0x1f | 0x7f => return Err(PathFault::Control),
                    _ if is_unreserved(value) => return Err(PathFault::EncodedUnreserved),
                    0x80.. => beyond_ascii = true,
                    _ => {}
                }
            }
            b';' => found.parameter = true,
            b'\\' => return Err(PathFault::Backslash),
            0..=0x1f | 0x7f => return Err(PathFault::Control),
            _ if is_unreserved(byte) || b"!$&'()*+,=:@".contains(&byte) => {}
            _ => return Err(PathFault::NotUriCharacter),
        }
    }
    if segment == "." || segment == ".." {
        return Err(PathFault::DotSegment);
    }
    if found.parameter || found.encoded_slash {
        hidden_segments(segment)?;
    }
    if beyond_ascii {
        let decoded = String::from_utf8(decode_bytes(segment)).map_err(|_| PathFault::NotUtf8)?;
        if decoded.chars().any(char::is_control) {
            return Err(PathFault::Control);
        }
    }
    Ok(found)
}

/// What a reader that decodes slashes or strips `;` parameters would see must
/// not be an empty or dot segment either.
fn hidden_segments(segment: &str) -> Result<(), PathFault> {
    for part in decode(segment).split('/') {
        match part.split(';').next().unwrap_or(part) {
            "" => return Err(PathFault::EmptySegment),
            "." | ".." => return Err(PathFault::DotSegment),
            _ => {}
        }
    }
    Ok(())
}

/// RFC 3986, section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[track_caller]
    fn refused(target: &str, fault: PathFault) {
        assert_eq!(RequestPath::parse(target).err(), Some(fault), "{target:?}");
    }

    #[test]
    fn path_1_dot_segments() {
        for target in
            ["/public/../admin", "/public/./../admin", "/./admin", "/..", "/admin/..", "/.", "/admin/."]
        {
            refused(target, PathFault::DotSegment);
        }
        assert!(RequestPath::parse("/...").is_ok());
        assert!(RequestPath::parse("/.well-known/x").is_ok());
    }

    #[test]
    fn path_2_encoded_dots_and_slashes() {
        for target in ["/public/%2e%2e/admin", "/public/.%2e/admin", "/public/%2E./admin"] {
            refused(target, PathFault::EncodedUnreserved);
        }
        for target in ["/public%2f..%2fadmin", "/public/..%2Fadmin", "/..%2f", "/a%2f.%2Fb"] {
            refused(target, PathFault::DotSegment);
        }
        for target in ["/a%5cb", "/a%5Cb"] {
            refused(target, PathFault::EncodedDelimiter);
        }
        let path = RequestPath::parse("/a%2Fb/c").unwrap();
        assert_eq!(path.encoded_slash(), Some(0), "noted, for the service to decide");
        refused("/a%2f", PathFault::EmptySegment);
        refused("/a%2f%2fb", PathFault::EmptySegment);
    }

    #[test]
    fn path_3_path_parameters() {
        for target in ["/public/..;/admin", "/public/..;x=1/admin", "/a/.;/b"] {
            refused(target, PathFault::DotSegment);
        }
        for target in ["/;/admin", "/;x"] {
            refused(target, PathFault::EmptySegment);
        }
        for target in ["/a%3bx", "/a%3Bx", "/..%3b/admin"] {
            refused(target, PathFault::EncodedDelimiter);
        }
        assert_eq!(RequestPath::parse("/admin;jsessionid=1").unwrap().parameters(), Some(0));
        assert_eq!(RequestPath::parse("/a;x/b;y/c").unwrap().parameters(), Some(1));
    }

    #[test]
    fn path_4_empty_segments() {
        for target in ["//admin", "/public//../admin", "///admin", "/admin//x", "/admin//", "//"] {
            let fault = RequestPath::parse(target).err();
            assert!(matches!(fault, Some(PathFault::EmptySegment | PathFault::DotSegment)), "{target}");
        }
    }

    #[test]
    fn path_5_double_encoding() {
        for target in ["/public/%252e%252e/admin", "/a%252fb", "/a%25"] {
            refused(target, PathFault::EncodedDelimiter);
        }
    }

    #[test]
    fn path_9_to_16_other_spellings() {
        refused("/%61dmin", PathFault::EncodedUnreserved);
        refused("/%ff", PathFault::NotUtf8);
        refused("/%c0%ae%c0%ae", PathFault::NotUtf8);
        refused("/%ed%a0%80", PathFault::NotUtf8);
        refused("/é", PathFault::NotUriCharacter);
        for target in ["/a%00", "/a%0a", "/a%0d%0a", "/a%09", "/a%7f", "/a\u{7f}", "/a\n", "/a%C2%80"] {
            refused(target, PathFault::Control);
        }
        for target in ["/a%zz", "/a%", "/a%2"] {
            refused(target, PathFault::BadEscape);
        }
        refused("/a\\..\\admin", PathFault::Backslash);
        for target in ["/a|b", "/a b", "/a\"b", "/a<b", "/a^b", "/a`b", "/a{b}"] {
            refused(target, PathFault::NotUriCharacter);
        }
        refused("/a#b", PathFault::Fragment);
        refused("/a?x#b", PathFault::Fragment);
        refused("/public/x%23/../admin", PathFault::EncodedDelimiter);
    }

    #[test]
    fn path_11_text_beyond_ascii_is_kept_apart() {
        for target in ["/%C3%A9", "/%EF%BC%8F", "/%E2%81%84x", "/a%20b", "/alice%40example.com"] {
            assert!(RequestPath::parse(target).is_ok(), "{target}");
        }
        assert_eq!(decode("alice%40example.com"), "alice@example.com");
        assert_eq!(decode("%C3%A9"), "é");
    }

    #[test]
    fn path_17_18_not_a_path() {
        for target in ["", "*", "admin", "http://evil/abs", "?x", " /a"] {
            refused(target, PathFault::NotAbsolute);
        }
    }

    #[test]
    fn qry_1_2_the_query_is_cut_off_first() {
        for target in [
            "/admin?x",
            "/admin?/public/",
            "/admin?.js",
            "/admin?/../public",
            "/admin?a?b",
            "/admin?x=%2e%2e%2f",
        ] {
            assert_eq!(RequestPath::parse(target).unwrap().as_str(), "/admin", "{target}");
        }
    }

    #[test]
    fn limits() {
        let longest = format!("/{}", "a".repeat(MAX_PATH - 1));
        assert!(RequestPath::parse(&longest).is_ok());
        refused(&format!("{longest}a"), PathFault::TooLong);
        assert!(RequestPath::parse(&"/a".repeat(MAX_SEGMENTS)).is_ok());
        refused(&"/a".repeat(MAX_SEGMENTS + 1), PathFault::TooLong);
    }

    #[test]
    fn segments_and_trailing_slash() {
        let path = RequestPath::parse("/a/bc/d/?q").unwrap();
        assert_eq!(path.segments().collect::<Vec<_>>(), ["a", "bc", "d"]);
        assert!(path.has_trailing_slash());
        let root = RequestPath::parse("/").unwrap();
        assert!(root.is_empty() && !root.has_trailing_slash());
    }
}
