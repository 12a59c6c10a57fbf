//! Which roles and codes are named where, and those that are named in vain.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{Around, Look};
use crate::compile::expression::{Expression, Fact};
use crate::compile::index::Rule;
use crate::config::HeaderValue;
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::policy::{CodePattern, Defaults, Policy};

/// How often something is named, and where first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Uses {
    pub(super) count: usize,
    pub(super) first: Span,
}

/// Names and their uses.
pub(super) type Named<'a> = HashMap<&'a str, Uses>;

/// Who names which code and role.
pub(super) struct Usage<'a> {
    /// Codes that routes and defaults require.
    pub(super) required: Named<'a>,
    /// Codes that roles grant by their full name.
    pub(super) granted: Named<'a>,
    /// The beginnings of codes that roles grant with a final `*`.
    pub(super) prefixes: BTreeSet<&'a str>,
    /// How often each role is named: required, bound, inherited, mapped.
    pub(super) roles: HashMap<&'a str, usize>,
    /// Where each role is defined.
    pub(super) role_places: Vec<(&'a str, Span)>,
    /// Codes that conditions and headers look for.
    asked: HashSet<String>,
    /// Whether tokens bring codes; `None` where no configuration says.
    pub(super) tokens_bring_codes: Option<bool>,
    /// Whether upstreams are told all codes of a caller.
    codes_told: bool,
    /// Whether upstreams are told the roles of a caller, and who said so.
    roles_told: Told,
}

/// Whether upstreams are told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    No,
    /// Nobody wrote otherwise.
    ByDefault,
    /// A header says so.
    ByName,
}

impl<'a> Usage<'a> {
    pub(super) fn of(look: Look<'a>, around: Around<'a>) -> Self {
        let policy = look.policy;
        let mut usage = Self {
            required: HashMap::new(),
            granted: HashMap::new(),
            prefixes: BTreeSet::new(),
            roles: HashMap::new(),
            role_places: policy.roles.iter().map(|r| (r.name.value.as_str(), r.name.span)).collect(),
            asked: HashSet::new(),
            tokens_bring_codes: around
                .config
                .map(|(config, _)| config.identity.issuers.iter().any(|issuer| !issuer.codes.is_empty())),
            codes_told: false,
            roles_told: Told::ByDefault,
        };
        for need in levels(policy).filter_map(|level| level.codes.as_ref()) {
            need.value.names().iter().for_each(|c| count(&mut usage.required, c.value.as_str(), c.span));
        }
        for grant in policy.roles.iter().flat_map(|role| &role.grants) {
            match &grant.value {
                CodePattern::Exact(code) => count(&mut usage.granted, code.as_str(), grant.span),
                CodePattern::Prefix(prefix) => {
                    usage.prefixes.insert(prefix);
                }
            }
        }
        let required = levels(policy).filter_map(|level| level.roles.as_ref());
        let required = required.flat_map(|need| need.value.names());
        let bound = policy.bindings.iter().flat_map(|binding| &binding.roles);
        let inherited = policy.roles.iter().flat_map(|role| &role.inherits);
        for role in required.chain(bound).chain(inherited) {
            *usage.roles.entry(role.value.as_str()).or_default() += 1;
        }
        usage.ask(look, around);
        usage
    }

    /// What expressions and the configuration name.
    fn ask(&mut self, look: Look<'a>, around: Around<'a>) {
        let when = look.index.routes().filter_map(|(_, route)| match &route.rule {
            Rule::Needs { when: Some(when), .. } => Some(&*when.expression),
            _ => None,
        });
        let own = look.index.services().flat_map(|(_, service)| &service.headers);
        let own: Vec<&Expression> = own.map(|header| &*header.value).collect();
        let mut told: Vec<(&Expression, Told)> = own.iter().map(|header| (*header, Told::ByName)).collect();
        if let Some((config, headers)) = around.config {
            self.roles_told = Told::No;
            for (written, header) in config.upstream_headers.iter().zip(headers) {
                let by = match written.value {
                    HeaderValue::Default(_) => Told::ByDefault,
                    HeaderValue::Written(_) => Told::ByName,
                };
                told.push((&header.value, by));
            }
            let mapped = config.identity.issuers.iter().flat_map(|i| i.role_names.map.values().flatten());
            for target in mapped {
                *self.roles.entry(target.role.as_str()).or_default() += 1;
            }
        }
        let expressions: Vec<&Expression> = when.chain(told.iter().map(|(header, _)| *header)).collect();
        for expression in &expressions {
            self.asked.extend(expression.names().codes().map(str::to_owned));
        }
        let names = expressions.iter().flat_map(|expression| expression.names().roles());
        let asked: BTreeSet<&str> = names.map(|(name, _)| name).collect();
        for role in look.policy.roles.iter().map(|role| role.name.value.as_str()) {
            *self.roles.entry(role).or_default() += usize::from(asked.contains(role));
        }
        for (header, by) in told {
            // A header that looks for one code tells that one.
            let looks = header.names();
            let tells = |fact: &Fact| header.facts().any(|told| told == fact);
            self.codes_told |= tells(&Fact::Codes) && looks.codes().next().is_none();
            if (tells(&Fact::Roles) && looks.roles().next().is_none()) || tells(&Fact::PrimaryRole) {
                self.roles_told = if self.roles_told == Told::ByName { Told::ByName } else { by };
            }
        }
    }

    /// Whether some role grants a code.
    pub(super) fn is_granted(&self, code: &str) -> bool {
        self.granted.contains_key(code) || self.is_prefixed(code)
    }

    fn is_prefixed(&self, code: &str) -> bool {
        (0..=code.len()).any(|to| code.get(..to).is_some_and(|prefix| self.prefixes.contains(prefix)))
    }

    /// Whether somebody looks for a code.
    pub(super) fn is_wanted(&self, code: &str) -> bool {
        self.required.contains_key(code) || self.asked.contains(code)
    }
}

/// Everything that can require something.
pub(super) fn levels(policy: &Policy) -> impl Iterator<Item = &Defaults> {
    let services = policy.services.iter();
    services.flat_map(|s| s.routes.iter().map(|r| &r.own).chain([&s.defaults])).chain([&policy.defaults])
}

fn count<'a>(named: &mut Named<'a>, name: &'a str, at: Span) {
    let uses = named.entry(name).or_insert(Uses { count: 0, first: at });
    uses.count += 1;
    uses.first = uses.first.min(at);
}

/// Roles and codes that are named in vain. Of a name that is taken for a typo
/// nothing more is said.
pub(super) fn unused(look: Look<'_>, usage: &Usage<'_>, typos: &HashSet<&str>, report: &mut Report) {
    let fine = |code: &str| typos.contains(code);
    if usage.tokens_bring_codes != Some(true) {
        for (code, uses) in usage.required.iter().filter(|(code, _)| !usage.is_granted(code) && !fine(code)) {
            report.push(
                Diagnostic::at(Diag::UngrantedCode, uses.first, format!("no role grants `{code}`"))
                    .label("nobody can have it")
                    .help("add it to the `grants` of a role; if tokens bring codes, say so with `codes` of the issuer in `doorward.yaml`, and lint with `--config`"),
            );
        }
    }
    let idle = |code: &&str| !usage.codes_told && !usage.is_wanted(code) && !fine(code);
    for (code, uses) in usage.granted.iter().filter(|(code, _)| idle(code)) {
        report.push(
            Diagnostic::at(Diag::UnrequiredCode, uses.first, format!("nothing requires `{code}`"))
                .label("granted in vain")
                .help("require it with the `codes` of a route, or remove it here"),
        );
    }
    if usage.roles_told != Told::ByName {
        roles(look, usage, typos, report);
    }
}

fn roles(look: Look<'_>, usage: &Usage<'_>, typos: &HashSet<&str>, report: &mut Report) {
    let wanted: HashSet<u32> = look
        .index
        .codes()
        .filter(|(_, code)| usage.is_wanted(code.as_str()))
        .map(|(id, _)| id.number())
        .collect();
    for (written, role) in look.roles() {
        let named = usage.roles.get(&*role.name).is_some_and(|count| *count > 0);
        let gives = role.granted.iter().any(|code| wanted.contains(&code)) || !written.denies.is_empty();
        // Upstreams may be told of a role that gives nothing: then it is a label.
        let label = written.grants.is_empty() && written.inherits.is_empty() && usage.roles_told != Told::No;
        if !named && !gives && !label && !typos.contains(&*role.name) {
            let message = format!("the role `{}` is never used", role.name);
            report.push(
                Diagnostic::at(Diag::UnusedRole, written.name.span, message).label("opens nothing").help(
                    "grant it a code that some route requires, name it in `roles` of a route, or remove it",
                ),
            );
        }
    }
}
