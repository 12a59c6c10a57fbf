//! One log line a decision: denials at `info`, faults of ours at `warn`, allows
//! at `debug`.
//!
//! A line holds the words of the decision and the request line without its
//! query, cut short. It never holds a header, a body or any part of a token.

use std::time::Duration;

use super::id::DecisionId;
use super::request::Words;
use super::verdict::Verdict;

/// The `target` of the lines, for filters such as `doorward::decision=debug`.
const TARGET: &str = "doorward::decision";

/// The longest text of a request in a line, in bytes.
const LONGEST: usize = 256;

/// Writes the line of a decision.
pub(super) fn decision(
    id: DecisionId,
    verdict: &Verdict,
    status: u16,
    words: Option<&Words>,
    took: Duration,
) {
    let Verdict { reason, detail, service, route, place, user, revision, .. } = verdict;
    macro_rules! line {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                target: TARGET,
                decision_id = %id,
                reason = reason.as_str(),
                status,
                service = service.as_deref(),
                route = route.as_deref(),
                method = words.map(|w| cut(&w.method)),
                host = words.map(|w| cut(&w.host)),
                path = words.map(|w| cut(w.path.split('?').next().unwrap_or_default())),
                source = words.and_then(|w| w.source).map(tracing::field::display),
                peer = words.and_then(|w| w.peer.as_deref()).map(cut),
                user = user.as_deref().map(cut),
                place = place.as_ref().map(tracing::field::display),
                revision = revision.as_deref(),
                detail = detail.as_deref(),
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
