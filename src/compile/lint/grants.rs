//! Grants and denies that change nothing.

use std::collections::HashMap;

use super::Look;
use super::usage::Usage;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{CodePattern, Located, Policy};

/// Tells of them.
pub(super) fn inspect(look: Look<'_>, usage: &Usage<'_>, report: &mut Report) {
    let grants = Patterns::of(look.policy, |role| &role.grants);
    let denies = Patterns::of(look.policy, |role| &role.denies);
    for ((written, role), id) in look.roles().zip(0..) {
        let closure: Vec<u32> = role.closure.iter().collect();
        for grant in &written.grants {
            if let Some(deny) = denies.covering(grant, id, &closure) {
                report.push(
                    Diagnostic::at(Diag::DeniedGrant, grant.span, format!("`{}` grants `{}` in vain", role.name, grant.value))
                        .label("denied by the same role")
                        .related(deny, "this deny wins")
                        .help("remove one of the two: whoever holds the role is denied the code, whatever grants it"),
                );
            } else if let Some(other) = grants.covering(grant, id, &closure) {
                report.push(covered(Diag::CoveredGrant, "grants", grant, other));
            }
        }
        for deny in &written.denies {
            if let Some(other) = denies.covering(deny, id, &closure) {
                report.push(covered(Diag::IdleDeny, "denies", deny, other));
            } else if usage.tokens_bring_codes != Some(true) && !can_be_had(&deny.value, usage) {
                report.push(
                    Diagnostic::at(Diag::IdleDeny, deny.span, format!("no role grants `{}`", deny.value))
                        .label("takes nothing away")
                        .help("write the code as it is granted, or remove the deny; if tokens bring codes, say so with `codes` of the issuer in `doorward.yaml`, and lint with `--config`"),
                );
            }
        }
    }
}

fn covered(code: Diag, key: &str, pattern: &Located<CodePattern>, other: Span) -> Diagnostic {
    Diagnostic::at(code, pattern.span, format!("`{}` is among the other `{key}` of the role", pattern.value))
        .label("said already")
        .related(other, "covers it")
        .help("remove it here: the other one, its own or inherited, says the same and more")
}

/// Whether some role grants any code that a deny means.
fn can_be_had(deny: &CodePattern, usage: &Usage<'_>) -> bool {
    let prefix = match deny {
        CodePattern::Exact(code) => return usage.is_granted(code.as_str()),
        CodePattern::Prefix(prefix) => &**prefix,
    };
    usage.is_granted(prefix)
        || usage.prefixes.range(prefix..).next().is_some_and(|other| other.starts_with(prefix))
        || usage.granted.keys().any(|code| code.starts_with(prefix))
}

/// The patterns of all roles, and which role has each where.
struct Patterns<'a> {
    exact: HashMap<&'a str, Vec<(u32, Span)>>,
    prefix: HashMap<&'a str, Vec<(u32, Span)>>,
}

impl<'a> Patterns<'a> {
    fn of(policy: &'a Policy, list: fn(&'a crate::policy::Role) -> &'a [Located<CodePattern>]) -> Self {
        let mut patterns = Self { exact: HashMap::new(), prefix: HashMap::new() };
        for (role, id) in policy.roles.iter().zip(0..) {
            for pattern in list(role) {
                let (table, text) = match &pattern.value {
                    CodePattern::Exact(code) => (&mut patterns.exact, code.as_str()),
                    CodePattern::Prefix(prefix) => (&mut patterns.prefix, &**prefix),
                };
                table.entry(text).or_default().push((id, pattern.span));
            }
        }
        patterns
    }

    /// Where another pattern of the role, its own or inherited, covers this one.
    /// Of two that are the same the first covers the second.
    fn covering(&self, pattern: &Located<CodePattern>, id: u32, closure: &[u32]) -> Option<Span> {
        let (text, exact) = match &pattern.value {
            CodePattern::Exact(code) => (code.as_str(), true),
            CodePattern::Prefix(prefix) => (&**prefix, false),
        };
        let wider = (0..text.len()).filter_map(|to| self.prefix.get(text.get(..to)?));
        let mut wider = wider.flat_map(|places| of_roles(places, closure));
        let same = if exact { self.exact.get(text) } else { self.prefix.get(text) };
        let mut same = same.into_iter().flat_map(|places| of_roles(places, closure));
        let prefix = self.prefix.get(text).filter(|_| exact);
        let mut prefix = prefix.into_iter().flat_map(|places| of_roles(places, closure));
        let earlier = |(role, at): &(u32, Span)| {
            let own = *role == id && at.file == pattern.span.file;
            *at != pattern.span && !(own && at.start > pattern.span.start)
        };
        let wider = wider.next().or_else(|| prefix.next());
        wider.or_else(|| same.find(earlier)).map(|(_, at)| at)
    }
}

/// Those of the places, sorted by role, that are of some roles. Whichever is
/// shorter is gone through.
fn of_roles(places: &[(u32, Span)], roles: &[u32]) -> Vec<(u32, Span)> {
    if places.len() <= roles.len() {
        return places.iter().filter(|(id, _)| roles.binary_search(id).is_ok()).copied().collect();
    }
    let mut found = Vec::new();
    for role in roles {
        let from = places.partition_point(|(id, _)| id < role);
        found.extend(places.iter().skip(from).take_while(|(id, _)| id == role));
    }
    found
}
