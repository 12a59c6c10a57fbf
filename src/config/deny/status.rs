//! Another status than the usual one, by reason: `deny.status`.

use std::collections::BTreeMap;

use super::{place, reason};
use crate::diag::{Code, Diagnostic, Report};
use crate::words::{Reason, Refusal};
use crate::yaml::{self, Entry, Kind};

/// The statuses. Repeated keys were refused before.
pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<BTreeMap<&'static str, Refusal>> {
    let entries = yaml::entries(entry, "reasons", "write `role_missing: 404` and so on below it", report)?;
    let read: Vec<_> = entries.iter().map(|entry| one(entry, report)).collect();
    read.into_iter().collect()
}

fn one(entry: &Entry, report: &mut Report) -> Option<(&'static str, Refusal)> {
    let reason = reason(entry, report)?;
    let word = reason.public_word();
    let status = match &entry.value.kind {
        Kind::Scalar { text, .. } => text.parse::<u16>().ok().filter(|status| status.to_string() == *text),
        Kind::Refused => return None,
        _ => None,
    };
    let chosen = status.and_then(Refusal::of_status);
    if let Some(chosen) = chosen.filter(|chosen| choices(reason).any(|choice| choice == *chosen)) {
        return Some((word, chosen));
    }
    if Refusal::of(reason) == Refusal::ServiceUnavailable {
        report.push(
            Diagnostic::at(Code::BadValue, place(entry), format!("the status of `{word}` is always 503"))
                .label("can't be changed")
                .help("remove it: nothing was decided, and clients and monitors must be able to see that"),
        );
        return None;
    }
    let choices: Vec<_> = choices(reason).map(|choice| choice.http().to_string()).collect();
    let choices = choices.join(", ");
    let code = if entry.value.is_null() { Code::EmptyValue } else { Code::BadValue };
    let why = match status {
        Some(100..=399) => "clients would not take it for a refusal",
        Some(401) => "401 asks for another token, which would not help",
        Some(405) => "405 lists the methods that a path takes",
        Some(500..=599) => "5xx says that nothing was decided, and clients would try again",
        _ => "",
    };
    let help = match why {
        "" => format!("write one of {choices}"),
        why => format!("{why}: write one of {choices}"),
    };
    let message = format!("`{word}` can't be answered with this status");
    report.push(Diagnostic::at(code, place(entry), message).label("not one of its statuses").help(help));
    None
}

/// The statuses that a reason can have: those that are true of any refusal, and
/// its own. A fault of ours has no other: it is not a verdict.
fn choices(reason: Reason) -> impl Iterator<Item = Refusal> {
    let own = Refusal::of(reason);
    Refusal::ALL.iter().copied().filter(move |choice| match choice {
        Refusal::BadRequest | Refusal::Forbidden | Refusal::NotFound => own != Refusal::ServiceUnavailable,
        Refusal::MisdirectedRequest => reason == Reason::ServiceUnknown,
        Refusal::Unauthorized | Refusal::MethodNotAllowed | Refusal::ServiceUnavailable => *choice == own,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_keeps_its_own_status_and_faults_no_other() {
        for reason in Reason::public() {
            let statuses: Vec<_> = choices(reason).map(Refusal::http).collect();
            assert!(statuses.contains(&reason.status()), "{reason:?}");
            if reason.status() == 503 {
                assert_eq!(statuses, [503], "{reason:?}");
            } else {
                assert!([400, 403, 404].iter().all(|status| statuses.contains(status)), "{reason:?}");
                assert!(!statuses.contains(&503), "{reason:?}");
            }
        }
    }
}
