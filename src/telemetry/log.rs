//! One log line a decision: denials at `info`, faults of ours at `warn`, allows
//! at `debug`.
//!
//! A line holds the words of the decision and the request line without its
//! query, cut short. It never holds a header, a body or any part of a token.

use super::record::Record;

/// The `target` of the lines, for filters such as `doorward::decision=debug`.
const TARGET: &str = "doorward::decision";

/// The longest text of a request in a line, in bytes.
const LONGEST: usize = 256;

/// Writes the line of a decision.
pub(super) fn decision(record: &Record<'_>) {
    let Record { id, reason, status, detail, service, route, place, revision, caller, request, took, .. } =
        *record;
    macro_rules! line {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                target: TARGET,
                decision_id = id,
                reason = reason.as_str(),
                status,
                service,
                route,
                method = request.map(|r| cut(r.method)),
                host = request.map(|r| cut(r.host)),
                path = request.map(|r| cut(r.path.split('?').next().unwrap_or_default())),
                source = request.and_then(|r| r.source).map(tracing::field::display),
                peer = request.and_then(|r| r.peer).map(cut),
                user = caller.map(|c| cut(&c.user)),
                place = place.map(tracing::field::display),
                revision,
                detail,
                duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                $message
            )
        };
    }
    match reason.status() {
        200 => line!(debug, "allowed"),
        503 => line!(warn, "not decided"),
        _ => line!(info, "denied"),
    }
}

/// The beginning of a text, whole characters, at most [`LONGEST`] bytes.
fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_1_long_texts_are_cut_at_a_character() {
        let long = "é".repeat(300);
        assert_eq!(cut(&long).len(), LONGEST);
        assert_eq!(cut("short"), "short");
        let odd = format!("a{long}");
        assert_eq!(cut(&odd).len(), LONGEST - 1);
    }
}
