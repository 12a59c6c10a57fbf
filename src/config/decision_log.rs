//! What is written about decisions, and where to: `decision_log`.

mod to;

use std::path::Path;

use super::claim_path::ClaimPath;
use super::claims;
use crate::diag::{Code, Diagnostic, Report, Span};
use crate::yaml::{self, Elsewhere, Entry, Fields, Kind, Shape, Text};

pub use to::{LocalSocket, LogFile, LogTo};

pub(super) use to::SHAPE as TO;

/// What is written about decisions, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionLog {
    /// Where the lines go.
    pub to: LogTo,
    /// How many of the allows are written.
    pub allow: Share,
    /// How many of the denials are. Faults of Doorward's own always are.
    pub deny: Share,
    /// Which claims stand in a line.
    pub claims: LoggedClaims,
    /// What never does.
    pub redact: Redact,
    /// Whether the names that a token gives stand in a line, as a replay needs
    /// them.
    pub replay: bool,
}

impl Default for DecisionLog {
    fn default() -> Self {
        Self {
            to: LogTo::Stdout,
            allow: Share::NONE,
            deny: Share::ALL,
            claims: LoggedClaims::default(),
            redact: Redact::default(),
            replay: false,
        }
    }
}

/// A part of all decisions, in thousand millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

impl Share {
    const WHOLE: u32 = 1_000_000_000;

    /// None at all.
    pub const NONE: Self = Self(0);

    /// Every one.
    pub const ALL: Self = Self(Self::WHOLE);

    /// Whether the decision of this id is in it: the id's last 64 bits, as a
    /// part of all that they could be, are less than the share. Whoever asks
    /// again gets the same answer.
    pub fn has(self, id: u128) -> bool {
        let part = ((id & u128::from(u64::MAX)) * u128::from(Self::WHOLE)) >> 64;
        part < u128::from(self.0)
    }

    /// A decimal number from 0 to 1 with at most nine decimals.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !matches!(whole, "0" | "1") || !digits(decimals) || decimals.len() > 9 {
            return None;
        }
        let part: u32 = format!("{decimals:0<9}").parse().ok()?;
        let sum = if whole == "1" { Self::WHOLE + part } else { part };
        (sum <= Self::WHOLE).then_some(Self(sum))
    }
}

/// Claims of a token that stand in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoggedClaims {
    /// All of them.
    All,
    /// These.
    Some(Vec<ClaimPath>),
}

impl Default for LoggedClaims {
    fn default() -> Self {
        Self::Some(Vec::new())
    }
}

/// What is not written even where it otherwise would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redact {
    /// Path parameters, by the names that routes give them.
    pub parameters: Vec<RedactedParameter>,
    /// Claims, with all that is in them.
    pub claims: Vec<ClaimPath>,
}

/// A path parameter that is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedactedParameter {
    /// Its name.
    pub name: String,
    /// Where that stands.
    pub span: Span,
}

pub(super) const SHAPE: Shape = Shape {
    what: "`decision_log`",
    known: &["to", "allow", "deny", "claims", "redact", "replay"],
    later: &[],
};

pub(super) const REDACT: Shape =
    Shape { what: "`decision_log.redact`", known: &["parameters", "claims"], later: &[] };

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["file", "path", "output", "destination", "socket", "max_size", "keep", "console"],
        meant: "to",
        help: "write it below `to:`, such as `to: { file: decisions.log, max_size: 100MiB, keep: 5 }`",
    },
    Elsewhere {
        words: &["enabled", "disabled", "enable", "disable"],
        meant: "to",
        help: "write `to: none` to have no decision log, and nothing to have one",
    },
    Elsewhere {
        words: &["sample", "sampling", "rate", "sample_rate", "allow_sample", "allowed", "allows"],
        meant: "allow",
        help: "write the share of allows that are written, such as `allow: 0.01`",
    },
    Elsewhere {
        words: &["denied", "denials", "deny_sample"],
        meant: "deny",
        help: "write the share of denials that are written, such as `deny: 1`",
    },
    Elsewhere {
        words: &["mask", "drop", "exclude", "hide", "mask_fields", "excludes"],
        meant: "redact",
        help: "write `redact:` and below it `parameters:` or `claims:`",
    },
    Elsewhere {
        words: &["headers", "include_headers", "request_headers"],
        meant: "",
        help: "remove it: of headers only the request id and the trace id are written",
    },
    Elsewhere { words: &["format", "json"], meant: "", help: "remove it: the lines are JSON objects" },
];

pub(super) fn read(entry: Option<&Entry>, directory: &Path, report: &mut Report) -> Option<DecisionLog> {
    let usual = DecisionLog::default();
    let Some(entry) = entry else { return Some(usual) };
    if let Kind::Scalar { text, .. } = &entry.value.kind
        && matches!(text.as_str(), "off" | "none" | "false" | "no" | "stdout" | "stderr")
    {
        let to = if text.starts_with("std") { text } else { "none" };
        let wrong = Diagnostic::at(Code::WrongType, entry.value.span, "`decision_log` must be a mapping");
        report.push(wrong.label("not a mapping").help(format!("write `decision_log: {{ to: {to} }}`")));
        return None;
    }
    let fields = Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    let to = match fields.get("to") {
        Some(entry) => to::read(entry, directory, report),
        None => Some(usual.to),
    };
    let mut share = |key: &str, usual| match fields.get(key) {
        Some(entry) => share(entry, &format!("`decision_log.{key}`"), report),
        None => Some(usual),
    };
    let (allow, deny) = (share("allow", usual.allow), share("deny", usual.deny));
    let claims = match fields.get("claims") {
        Some(Entry { value, .. }) if is_all(&value.kind) => LoggedClaims::All,
        Some(entry) => LoggedClaims::Some(claims::paths(entry, report)),
        None => usual.claims,
    };
    let redact = match fields.get("redact") {
        Some(entry) => redact(entry, report),
        None => Some(usual.redact),
    };
    let replay = match fields.get("replay") {
        Some(entry) => yaml::yes_or_no(&entry.value, "`decision_log.replay`", report),
        None => Some(usual.replay),
    };
    Some(DecisionLog { to: to?, allow: allow?, deny: deny?, claims, redact: redact?, replay: replay? })
}

fn is_all(kind: &Kind) -> bool {
    matches!(kind, Kind::Scalar { text, .. } if text == "all")
}

/// A share, as a decimal number.
pub(super) fn share(entry: &Entry, what: &str, report: &mut Report) -> Option<Share> {
    let node = &entry.value;
    let share = match &node.kind {
        Kind::Scalar { text, plain: true } => Share::parse(text),
        Kind::Refused => return None,
        _ => None,
    };
    if share.is_none() {
        let code = if node.is_null() { Code::EmptyValue } else { Code::BadValue };
        report.push(
            Diagnostic::at(code, node.span, format!("{what} must be a number from 0 to 1"))
                .label("not such a number")
                .help("write `0` for none, `1` for all, `0.01` for one in a hundred"),
        );
    }
    share
}

fn redact(entry: &Entry, report: &mut Report) -> Option<Redact> {
    let fields = Fields::read(&entry.value, REDACT, report)?;
    let parameters = match fields.get("parameters") {
        Some(entry) => yaml::texts(&entry.value, "a path parameter", report),
        None => Vec::new(),
    };
    let parameters = parameters.into_iter().filter_map(|text| parameter(text, report)).collect();
    let claims = fields.get("claims").map(|entry| claims::paths(entry, report)).unwrap_or_default();
    Some(Redact { parameters, claims })
}

fn parameter(text: Text<'_>, report: &mut Report) -> Option<RedactedParameter> {
    let name = text.value;
    let fine = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !fine {
        let message = format!("`{}` is not the name of a path parameter", name.escape_debug());
        report.push(
            Diagnostic::at(Code::BadName, text.span, message)
                .label("not a name")
                .help("write what stands between the braces in the routes: `id` for `{id}`"),
        );
    }
    fine.then(|| RedactedParameter { name: name.to_owned(), span: text.span })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_share_is_a_decimal_number_from_0_to_1() {
        for (text, share) in [
            ("0", 0),
            ("1", 1_000_000_000),
            ("1.0", 1_000_000_000),
            ("0.0", 0),
            ("0.01", 10_000_000),
            ("0.000000001", 1),
        ] {
            assert_eq!(Share::parse(text), Some(Share(share)), "{text}");
        }
        for text in ["", ".5", "1.1", "2", "-0", "+1", "0.", "50%", "1e-2", "0.0000000001", "00", "0,5"] {
            assert_eq!(Share::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_in_a_share_by_its_last_bits() {
        let half = Share::parse("0.5").unwrap();
        let below = u128::from(u64::MAX >> 1);
        for high in [0, 7 << 64, u128::MAX << 64] {
            assert!(half.has(high | below));
            assert!(!half.has(high | (below + 1)));
            assert!(!Share::NONE.has(high));
            assert!(Share::ALL.has(high | u128::from(u64::MAX)));
        }
    }

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for entry in ELSEWHERE {
            assert!(entry.meant.is_empty() || SHAPE.known.contains(&entry.meant), "{}", entry.meant);
            assert!(entry.words.iter().all(|word| !SHAPE.known.contains(word)), "{:?}", entry.words);
        }
    }
}
