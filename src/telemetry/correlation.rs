//! The two headers by which a line is found again elsewhere. A client may have
//! written either, so neither is believed to be more than it looks like, and
//! what does not look like it is not there.

use std::fmt;
use std::num::NonZero;

use crate::engine::Headers;
use crate::words::hex::{self, Digits};
use crate::words::redact;

/// The longest request id.
const MAX_ID: usize = 128;

/// The `x-request-id`, if it stands once and is made of letters, digits and
/// `- _ . : + / =`.
pub(super) fn request_id(headers: Headers<'_>) -> Option<&[u8]> {
    let value = headers.only("x-request-id")?;
    let usual = |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' | b'+' | b'/' | b'=');
    let fine = !value.is_empty()
        && value.len() <= MAX_ID
        && value.iter().fold(true, |so_far, byte| so_far & usual(byte));
    fine.then_some(value)
}

/// The id of a trace: 128 bits, not all of them 0, printed as 32 hexadecimal
/// digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(NonZero<u128>);

impl TraceId {
    /// The trace of this number, which is not 0.
    pub(super) fn new(bits: u128) -> Option<Self> {
        NonZero::new(bits).map(Self)
    }

    /// As it is told.
    pub(super) fn digits(self) -> Digits {
        Digits::of(self.0.get())
    }

    /// Its bytes, the first digit first.
    pub fn bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits().as_str())
    }
}

/// What a `traceparent` says (W3C Trace Context, section 3.2): who asks, as a span
/// of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: TraceId,
    pub(super) span: NonZero<u64>,
    flags: u8,
}

impl Parent {
    /// Of the flags that there are today: sampled, and that the trace's id was drawn
    /// by lot.
    const KNOWN: u8 = 0b11;
    const SAMPLED: u8 = 0b01;

    /// The value of one header, if it is one.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = value.split_first_chunk::<2>()?;
        let (trace, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<32>()?;
        let (span, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<16>()?;
        let (flags, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<2>()?;
        // Later versions may say more behind it; this one may not.
        match (version, rest) {
            (b"ff", _) => return None,
            (_, []) => {}
            (b"00", _) => return None,
            (_, [b'-', ..]) => {}
            _ => return None,
        }
        hex::read(version)?;
        let (trace, span, flags) = (hex::read(trace)?, hex::read(span)?, hex::read(flags)?);
        Some(Self {
            trace: TraceId::new(trace)?,
            span: NonZero::new(u64::try_from(span).ok()?)?,
            flags: u8::try_from(flags).ok()? & Self::KNOWN,
        })
    }

    /// The `traceparent` of a request, if it stands once and is one.
    pub(super) fn of(headers: Headers<'_>) -> Option<Self> {
        Self::parse(headers.only("traceparent")?)
    }

    /// Whether spans of the trace are recorded by who asks.
    pub(super) fn is_sampled(self) -> bool {
        self.flags & Self::SAMPLED != 0
    }

    /// The flags that spans of the trace have.
    pub(super) fn flags(self) -> u8 {
        self.flags
    }
}

/// The longest `tracestate`.
const MAX_STATE: usize = 512;
const MAX_MEMBERS: usize = 32;

/// The `tracestate` of these headers (section 3.3), empty where there is none that
/// can be passed on whole. What looks like a token is none.
pub(super) fn trace_state<'h>(values: impl Iterator<Item = &'h [u8]>) -> String {
    let mut state = String::new();
    let mut members = 0;
    for value in values {
        let Ok(value) = std::str::from_utf8(value) else { return String::new() };
        for member in value.split(',').map(|member| member.trim_matches([' ', '\t'])) {
            if member.is_empty() {
                continue;
            }
            members += 1;
            let room = state.len() + 1 + member.len() <= MAX_STATE;
            if !room || members > MAX_MEMBERS || !is_member(member) {
                return String::new();
            }
            if !state.is_empty() {
                state.push(',');
            }
            state.push_str(member);
        }
    }
    if redact::is_token_in(state.as_bytes()) { String::new() } else { state }
}

fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let in_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/@".contains(&b);
    let in_value = |b: u8| (b' '..=b'~').contains(&b) && b != b'=';
    !key.is_empty()
        && key.len() <= 256
        && key.bytes().all(in_key)
        && value.len() <= 256
        && value.bytes().all(in_value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn attr_11_a_request_id_is_short_and_harmless_or_not_there() {
        let id = |values: &[&[u8]]| {
            let pairs: Vec<_> = values.iter().map(|value| ("x-request-id", *value)).collect();
            request_id(Headers::new(&pairs)).map(|id| String::from_utf8(id.to_vec()).unwrap())
        };
        for fine in ["2b1f9f6c-0d1c-4a63-9a63-1f6c2b1f9f6c", "a", "Root=1-67891233:x/y+z_."] {
            assert_eq!(id(&[fine.as_bytes()]).as_deref(), Some(fine));
        }
        let long = "a".repeat(129);
        for odd in ["", "attacker\"}\n", "a b", "é", "<script>", "a\0", "a,b", long.as_str()] {
            assert_eq!(id(&[odd.as_bytes()]), None, "{odd}");
        }
        assert_eq!(id(&[b"a", b"a"]), None, "two");
        assert_eq!(id(&[]), None);
    }

    #[test]
    fn a_trace_parent_is_as_the_standard_writes_it() {
        let trace = |values: &[&str]| {
            let pairs: Vec<_> = values.iter().map(|value| ("traceparent", value.as_bytes())).collect();
            Parent::of(Headers::new(&pairs)).map(|parent| parent.trace.to_string())
        };
        let parent = "00f067aa0ba902b7";
        for fine in [format!("00-{TRACE}-{parent}-01"), format!("cc-{TRACE}-{parent}-00-what-comes-next")] {
            assert_eq!(trace(&[&fine]).as_deref(), Some(TRACE), "{fine}");
        }
        for odd in [
            format!("00-{TRACE}-{parent}"),
            format!("00-{TRACE}-{parent}-01-more"),
            format!("00-{TRACE}-{parent}-01-"),
            format!("ff-{TRACE}-{parent}-01"),
            format!("00-{}-{parent}-01", TRACE.to_uppercase()),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{TRACE}0-{parent}-01"),
            format!(" 00-{TRACE}-{parent}-01"),
            format!("00-{TRACE}-{parent}-1"),
            String::new(),
        ] {
            assert_eq!(trace(&[&odd]), None, "{odd}");
        }
        let fine = format!("00-{TRACE}-{parent}-01");
        assert_eq!(trace(&[&fine, &fine]), None, "two");
    }

    #[test]
    fn a_trace_parent_says_who_asks_and_whether_it_is_recorded() {
        let parse =
            |flags: &str| Parent::parse(format!("00-{TRACE}-00f067aa0ba902b7-{flags}").as_bytes()).unwrap();
        assert_eq!(parse("01").span.get(), 0x00f0_67aa_0ba9_02b7);
        assert_eq!(parse("01").trace.bytes()[..2], [0x4b, 0xf9]);
        for (flags, sampled, kept) in [("00", false, 0), ("01", true, 1), ("02", false, 2), ("ff", true, 3)] {
            assert_eq!((parse(flags).is_sampled(), parse(flags).flags()), (sampled, kept), "{flags}");
        }
    }

    #[test]
    fn a_trace_state_is_passed_on_whole_or_not_at_all() {
        let state = |values: &[&str]| trace_state(values.iter().map(|value| value.as_bytes()));
        assert_eq!(state(&["a=1,b@c=x y", " d=", ""]), "a=1,b@c=x y,d=");
        assert_eq!(state(&["a=1,\t,,b=2"]), "a=1,b=2");
        let long = format!("a={},b={},c={}", "x".repeat(256), "x".repeat(200), "x".repeat(60));
        let many = (0..33).map(|n| format!("k{n}=1")).collect::<Vec<_>>().join(",");
        let token = "a=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWl0c2VsZg";
        for odd in ["a", "A=1", "=1", "a=1,b", "a=1=2", "a=\u{7f}", "a=é", "a=\n", &long, &many, token] {
            assert_eq!(state(&[odd]), "", "{odd}");
        }
        assert_eq!(trace_state([&b"a=\xff"[..]].into_iter()), "");
    }
}
