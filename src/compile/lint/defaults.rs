//! Requirements that repeat what is inherited, and `access` that drops it.

use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{Access, Defaults, IpRule, Located, Need, Policy, Required, Route};

/// Tells of them.
pub(super) fn inspect(policy: &Policy, report: &mut Report) {
    for service in &policy.services {
        repeats(&service.defaults, &[&policy.defaults], true, report);
        let above = [&service.defaults, &policy.defaults];
        for route in &service.routes {
            repeats(&route.own, &above, route.inherit, report);
            dropped(route, &above, report);
        }
    }
}

/// Keys whose value is that of the nearest level above. With `inherit: false`
/// only `ip` is taken over.
fn repeats(own: &Defaults, above: &[&Defaults], inherits: bool, report: &mut Report) {
    let Defaults { roles, codes, peers, ip, when } = own;
    let mut same = Vec::new();
    if inherits {
        same.extend(repeat("roles", roles, above.iter().map(|level| &level.roles), same_need));
        same.extend(repeat("codes", codes, above.iter().map(|level| &level.codes), same_need));
        same.extend(repeat("peers", peers, above.iter().map(|level| &level.peers), |one, other| {
            same_names(one, other)
        }));
        same.extend(repeat("when", when, above.iter().map(|level| &level.when), |one, other| {
            one.text == other.text
        }));
    }
    same.extend(repeat("ip", ip, above.iter().map(|level| &level.ip), same_addresses));
    for (key, span, other) in same {
        report.push(
            Diagnostic::at(Diag::RepeatsDefault, span, format!("`{key}` says what is inherited anyway"))
                .label("the same")
                .related(other, "inherited from here")
                .help("remove it: it would stay behind when the default changes"),
        );
    }
}

fn repeat<'a, T: 'a>(
    key: &'static str,
    own: &Required<T>,
    mut above: impl Iterator<Item = &'a Required<T>>,
    same: fn(&T, &T) -> bool,
) -> Option<(&'static str, Span, Span)> {
    let own = own.as_ref()?;
    let inherited = above.find_map(Option::as_ref)?;
    same(&own.value, &inherited.value).then_some((key, own.span, inherited.span))
}

fn same_need<T: Ord>(one: &Need<T>, other: &Need<T>) -> bool {
    let kind = |need: &Need<T>| matches!(need, Need::All(_)) && need.names().len() > 1;
    kind(one) == kind(other) && same_names(one.names(), other.names())
}

/// Whether two lists hold the same, in whatever order.
fn same_names<T: Ord>(one: &[Located<T>], other: &[Located<T>]) -> bool {
    let mut mine: Vec<&T> = one.iter().map(|name| &name.value).collect();
    let mut theirs: Vec<&T> = other.iter().map(|name| &name.value).collect();
    mine.sort();
    theirs.sort();
    mine == theirs
}

fn same_addresses(one: &IpRule, other: &IpRule) -> bool {
    same_names(&one.allow, &other.allow) && same_names(&one.deny, &other.deny)
}

/// `access: authenticated` where more would be inherited than codes. With
/// `inherit: false` beside it somebody has said that it is meant so.
fn dropped(route: &Route, above: &[&Defaults], report: &mut Report) {
    let Some(access) = route.access.as_ref().filter(|a| a.value == Access::Authenticated && route.inherit)
    else {
        return;
    };
    let roles = above.iter().find_map(|level| level.roles.as_ref()).map(|r| ("roles", r.span));
    let peers = above.iter().find_map(|level| level.peers.as_ref()).map(|p| ("peers", p.span));
    let when = above.iter().find_map(|level| level.when.as_ref()).map(|w| ("when", w.span));
    let lost: Vec<(&str, Span)> = [roles, peers, when].into_iter().flatten().collect();
    if lost.is_empty() {
        return;
    }
    let keys = lost.iter().map(|(key, _)| *key).collect::<Vec<_>>().join("`, `");
    let message = format!("`{}` drops the inherited `{keys}`", route.text);
    let finding = Diagnostic::at(Diag::DroppedRequirement, access.span, message)
        .label("any valid token is enough")
        .help("if that is meant, add `inherit: false`; otherwise remove `access`");
    report
        .push(lost.iter().fold(finding, |finding, (_, span)| finding.related(*span, "does not count here")));
}
