//! The two headers by which a line is found again elsewhere. A client may have
//! written either, so neither is believed to be more than it looks like, and
//! what does not look like it is not there.

use crate::engine::Headers;

/// The longest request id.
const MAX_ID: usize = 128;

/// The `x-request-id`, if it stands once and is made of letters, digits and
/// `- _ . : + / =`.
pub(super) fn request_id(headers: Headers<'_>) -> Option<&str> {
    let value = headers.only("x-request-id")?;
    let usual = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
    let fine = !value.is_empty() && value.len() <= MAX_ID && value.iter().all(usual);
    std::str::from_utf8(value).ok().filter(|_| fine)
}

/// What `traceparent` says (W3C Trace Context, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceParent<'h> {
    /// 32 hexadecimal digits.
    pub(super) trace_id: &'h str,
}

/// The `traceparent`, if it stands once and is one.
pub(super) fn trace_parent(headers: Headers<'_>) -> Option<TraceParent<'_>> {
    let text = std::str::from_utf8(headers.only("traceparent")?).ok()?;
    let mut parts = text.splitn(5, '-');
    let (version, trace_id, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let is_some = |id: &str| id.bytes().any(|b| b != b'0');
    // Later versions may say more behind it; this one may not.
    let ends = version != "00" || parts.next().is_none();
    let fine = hex(version, 2) && version != "ff" && hex(trace_id, 32) && hex(parent, 16) && hex(flags, 2);
    (fine && ends && is_some(trace_id) && is_some(parent)).then_some(TraceParent { trace_id })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn attr_11_a_request_id_is_short_and_harmless_or_not_there() {
        let id = |values: &[&[u8]]| {
            let pairs: Vec<_> = values.iter().map(|value| ("x-request-id", *value)).collect();
            request_id(Headers::new(&pairs)).map(str::to_owned)
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
            trace_parent(Headers::new(&pairs)).map(|parent| parent.trace_id.to_owned())
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
}
