//! Bindings: to whom the policy itself gives roles, and where and when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::index::Bound;
use super::roles::Roles;
use super::scope::Scope;
use super::scoped::Bindings;
use crate::diag::{Code as Diag, Diagnostic, Report, Sources};
use crate::policy::{self, Holder, PeerPattern, Policy, ValuePattern};

/// Gives everybody their roles. A scope that could never count is a finding: a
/// role that nobody ever gets must not look like one that somebody has.
pub(super) fn bind(policy: &Policy, sources: &Sources, roles: &mut Roles, report: &mut Report) {
    let params = Params::new(policy);
    let mut users: HashMap<&str, Vec<Bound>> = HashMap::new();
    let mut groups: HashMap<&str, Vec<Bound>> = HashMap::new();
    let mut peers: BTreeMap<&PeerPattern, Vec<Bound>> = BTreeMap::new();
    for binding in &policy.bindings {
        params.check(&binding.scope, report);
        let scope = binding.scope.is_bound().then(|| Arc::new(Scope::new(&binding.scope)));
        let place = sources.place(binding.span);
        let names = binding.roles.iter().filter_map(|name| roles.role(name, report));
        let given = names.map(|role| Bound { role, place: place.clone(), scope: scope.clone() });
        match &binding.holder.value {
            Holder::User(name) => users.entry(name.as_str()).or_default().extend(given),
            Holder::Group(name) => groups.entry(name.as_str()).or_default().extend(given),
            Holder::Peer(pattern) => peers.entry(pattern).or_default().extend(given),
        }
    }
    let given = |bounds: HashMap<&str, Vec<Bound>>| -> HashMap<Box<str>, Bindings> {
        bounds.into_iter().map(|(name, bounds)| (name.into(), Bindings::new(bounds, &roles.roles))).collect()
    };
    (roles.users, roles.groups) = (given(users), given(groups));
    for (pattern, bounds) in peers {
        roles.peers.add(pattern, Bindings::new(bounds, &roles.roles));
    }
}

/// The path parameters of a policy, and what they may hold.
struct Params<'p> {
    /// Those of each route that has any, each combination once.
    together: BTreeSet<BTreeSet<&'p str>>,
    /// Whether some service keeps encoded slashes, and whether some keeps `;`.
    keeps: [(char, bool, &'static str); 2],
}

impl<'p> Params<'p> {
    fn new(policy: &'p Policy) -> Self {
        let routes = policy.services.iter().flat_map(|service| &service.routes);
        let together = routes.map(|route| route.template.params().map(|(_, name)| name).collect());
        let keeps = |keep: fn(&policy::Service) -> bool| policy.services.iter().any(keep);
        Self {
            together: together.collect(),
            keeps: [
                ('/', keeps(|service| service.encoded_slash), "encoded_slash: keep"),
                (';', keeps(|service| service.path_parameters), "path_parameters: keep"),
            ],
        }
    }

    fn check(&self, scope: &policy::Scope, report: &mut Report) {
        let known = |name: &str| self.together.iter().any(|route| route.contains(name));
        let mut fine = true;
        for on in &scope.on {
            if !known(&on.param.value) {
                fine = false;
                report.push(self.unknown(&on.param, report.is_long()));
            }
            for value in &on.values {
                let (ValuePattern::Exact(text) | ValuePattern::Prefix(text)) = &value.value;
                let odd = |(c, keeps, _): &&(char, bool, _)| !keeps && text.contains(*c);
                if let Some((c, _, keep)) = self.keeps.iter().find(odd) {
                    report.push(
                        Diagnostic::at(
                            Diag::BadValue,
                            value.span,
                            format!("no parameter ever holds a `{c}`"),
                        )
                        .label("would never count")
                        .help(format!("a value is one segment of the path; no service says `{keep}`")),
                    );
                }
            }
        }
        let names = || scope.on.iter().map(|on| &*on.param.value);
        if let (true, [first, _, ..]) = (fine, &*scope.on)
            && !self.together.iter().any(|route| names().all(|name| route.contains(name)))
        {
            let list = names().collect::<Vec<_>>().join("`, `");
            report.push(
                Diagnostic::at(
                    Diag::UnknownParam,
                    first.param.span,
                    format!("no route has all of the parameters `{list}`"),
                )
                .label("would never count")
                .help("all of `on` must hold on one request: write a binding for each, if any is enough"),
            );
        }
    }

    fn unknown(&self, param: &policy::Located<Box<str>>, brief: bool) -> Diagnostic {
        let names: BTreeSet<&str> = self.together.iter().flatten().copied().collect();
        let otherwise = match names.len() {
            0 => "the routes of this policy have no parameters: write one as `{name}` in a route",
            _ => "write the name of a parameter as it stands in the routes, without `{` and `}`",
        };
        let shown = param.value.escape_debug();
        Diagnostic::at(Diag::UnknownParam, param.span, format!("no route has a parameter `{shown}`"))
            .label("would never count")
            .suggest(&param.value, names.into_iter().filter(|_| !brief), otherwise)
    }
}
