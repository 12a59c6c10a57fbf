//! Names of the configuration that the policy does not have.

use std::collections::BTreeSet;

use crate::compile::index::Index;
use crate::config::{Issuer, Redact};
use crate::diag::{Code as Diag, Diagnostic, Report};

/// Roles that the `roles_map` of an issuer gives and the policy does not have.
pub fn mapped_roles(index: &Index, issuers: &[Issuer], report: &mut Report) {
    for target in issuers.iter().flat_map(|issuer| issuer.role_names.map.values().flatten()) {
        if index.role_named(&target.role).is_none() {
            let known = index.roles().map(|(_, role)| &*role.name);
            report.push(
                Diagnostic::at(
                    Diag::UnmappedRole,
                    target.span,
                    format!("the policy has no role `{}`", target.role),
                )
                .label("gives nothing")
                .suggest(
                    &target.role,
                    known,
                    "define it under `roles:` in the policy, or remove it here",
                ),
            );
        }
    }
}

/// Path parameters that are to be hidden and that no route of the policy has.
pub fn redacted_parameters(index: &Index, redact: &Redact, report: &mut Report) {
    if redact.parameters.is_empty() {
        return;
    }
    let known: BTreeSet<&str> =
        index.routes().flat_map(|(_, route)| route.template.params().map(|(_, name)| name)).collect();
    for parameter in &redact.parameters {
        if !known.contains(parameter.name.as_str()) {
            report.push(
                Diagnostic::at(
                    Diag::RedactsNothing,
                    parameter.span,
                    format!("no route has a path parameter `{{{}}}`", parameter.name),
                )
                .label("hides nothing")
                .suggest(
                    &parameter.name,
                    known.iter().copied(),
                    "write the name as the routes have it, or remove it here",
                ),
            );
        }
    }
}
