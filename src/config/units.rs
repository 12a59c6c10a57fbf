//! Durations and sizes: a whole number and its unit, such as `30s` and
//! `16MiB`.

use std::ops::RangeInclusive;

use crate::diag::{Code, Diagnostic, Report};
use crate::yaml::{Kind, Node};

/// Units of time and how many seconds each has, the longest first.
const TIMES: &[(&str, u64)] = &[("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Units of size and how many bytes each has, the largest first.
const SIZES: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A duration such as `30s`, `5m`, `24h` or `7d`, in seconds.
pub(super) fn seconds(
    node: &Node,
    what: &str,
    bounds: RangeInclusive<u64>,
    report: &mut Report,
) -> Option<u64> {
    measured(node, what, "a duration such as `30s`, `5m` or `24h`", TIMES, &bounds, report)
}

/// A size such as `16MiB`, in bytes.
pub(super) fn bytes(
    node: &Node,
    what: &str,
    bounds: RangeInclusive<u64>,
    report: &mut Report,
) -> Option<u64> {
    measured(node, what, "a size such as `512KiB` or `16MiB`", SIZES, &bounds, report)
}

fn measured(
    node: &Node,
    what: &str,
    kind: &str,
    units: &[(&str, u64)],
    bounds: &RangeInclusive<u64>,
    report: &mut Report,
) -> Option<u64> {
    let amount = match &node.kind {
        Kind::Scalar { text, .. } => amount(text, units),
        Kind::Refused => return None,
        Kind::List(_) | Kind::Map(_) => None,
    };
    let Some(amount) = amount else {
        let code = if node.is_null() { Code::EmptyValue } else { Code::BadValue };
        report.push(
            Diagnostic::at(code, node.span, format!("{what} must be {kind}"))
                .label("not one")
                .help("write a whole number and its unit, without a space"),
        );
        return None;
    };
    if !bounds.contains(&amount) {
        let (from, to) = (written(*bounds.start(), units), written(*bounds.end(), units));
        report.push(
            Diagnostic::at(Code::BadValue, node.span, format!("{what} must be from {from} to {to}"))
                .label("out of bounds"),
        );
        return None;
    }
    Some(amount)
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) =
        units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    number.parse::<u64>().ok().filter(|_| plain)?.checked_mul(*factor)
}

/// In the largest unit that needs no fraction.
fn written(amount: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, factor)| amount >= *factor && amount.is_multiple_of(*factor));
    match (whole, units.last()) {
        (Some((unit, factor)), _) => format!("`{}{unit}`", amount / factor),
        (None, Some((unit, _))) => format!("`{amount}{unit}`"),
        (None, None) => amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit_and_nothing_else() {
        assert_eq!(amount("30s", TIMES), Some(30));
        assert_eq!(amount("0s", TIMES), Some(0));
        assert_eq!(amount("24h", TIMES), Some(86_400));
        assert_eq!(amount("16MiB", SIZES), Some(16 << 20));
        for text in ["", "s", "30", "30 s", "-1s", "+1s", "1.5s", "1S", "1ms", "99999999999999999999s"] {
            assert_eq!(amount(text, TIMES), None, "{text}");
        }
        for text in ["16MB", "16M", "16mib", "1", "99999999999999GiB"] {
            assert_eq!(amount(text, SIZES), None, "{text}");
        }
        assert_eq!(written(120, TIMES), "`2m`");
        assert_eq!(written(0, TIMES), "`0s`");
    }
}
