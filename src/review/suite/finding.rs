//! What is wrong with a test, for people.

use super::{Case, Header, Miss};
use crate::diag::{Code as Diag, Diagnostic, Place};
use crate::policy::instant::utc;
use crate::words::Reason;

impl Miss {
    /// The finding. `now` is when the tests ran; `place` writes a place in the
    /// policy for the reader.
    pub fn finding(&self, case: &Case, now: u64, place: impl Fn(&Place) -> String) -> Diagnostic {
        let Case { name, expect, .. } = case;
        let at = |span, message| Diagnostic::at(Diag::TestFailed, span, format!("`{name}`: {message}"));
        match self {
            Self::Reason(got) => {
                let (expect, got) = (result(*expect), result(*got));
                at(case.span, format!("expected `{expect}`, got `{got}`")).label(format!("got {got}"))
            }
            Self::Header { name, expected, got, span } => {
                let wanted = if expected.is_empty() {
                    format!("`{name}` must be removed")
                } else {
                    format!("`{name}` must be `{expected}`")
                };
                match got {
                    Header::Set(value) => at(*span, format!("{wanted}, and is `{value}`")).label("not so"),
                    Header::Removed => at(*span, format!("{wanted}, and is removed")).label("not so"),
                    Header::Unmanaged => at(*span, format!("{wanted}, and is left as the client sent it"))
                        .label("not managed")
                        .help("name a header of `upstream_headers`, of the configuration or the service"),
                }
            }
            Self::Time { why, place: cause } => at(
                case.span,
                format!(
                    "the result depends on the time, and the test does not say when ({why}: {})",
                    place(cause)
                ),
            )
            .label("today, and perhaps not for ever")
            .help(format!("say when: `at: {}`", utc(now))),
        }
    }
}

/// The word of a result, as tests have it.
pub fn result(reason: Reason) -> &'static str {
    if reason.is_allowed() { "allow" } else { reason.as_str() }
}
