//! Tests and the policy: what they name must be there. A role or code with a
//! typing error would be a denial for the wrong reason, and the test would hold.

use std::collections::BTreeMap;

use super::roles::Roles;
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::policy::suite::{Asks, Caller, Token, Who};
use crate::policy::{Located, Policy};

/// Looks at every caller of every test.
pub(super) fn check(policy: &Policy, roles: &Roles, report: &mut Report) {
    let personas: BTreeMap<&str, &Who> =
        policy.personas.iter().map(|persona| (persona.name.value.as_str(), &persona.who)).collect();
    personas.values().for_each(|who| names(who, roles, report));
    for test in &policy.tests {
        let callers = match &test.asks {
            Asks::One { caller, .. } => std::slice::from_ref(caller),
            Asks::Table { callers, .. } => callers.as_slice(),
        };
        for caller in callers {
            match &caller.value {
                Caller::Nobody => {}
                Caller::Inline(who) => names(who, roles, report),
                Caller::Persona(name) if personas.contains_key(name.as_str()) => {}
                Caller::Persona(_) => {
                    let finding = unknown(caller, &personas, roles, report.is_long());
                    report.push(finding);
                }
            }
        }
    }
}

fn unknown(
    caller: &Located<Caller>,
    personas: &BTreeMap<&str, &Who>,
    roles: &Roles,
    brief: bool,
) -> Diagnostic {
    let name = caller.value.to_string();
    let message = format!("no persona is called `{name}`");
    let finding = Diagnostic::at(Diag::UnknownPersona, caller.span, message).label("not defined");
    if roles.role_ids.contains_key(name.as_str()) {
        return finding.help(format!(
            "it is a role: write `personas: {{ {name}: {{ roles: [{name}] }} }}`, in any file of the directory"
        ));
    }
    let known = personas.keys().copied().chain(["nobody"]).filter(|_| !brief);
    finding.suggest(&name, known, "define it under `personas:`, in any file of the directory")
}

fn names(who: &Who, roles: &Roles, report: &mut Report) {
    let Some(Token::Named { roles: held, codes, .. }) = &who.token else { return };
    for role in held {
        // A finding, where there is none.
        let _ = roles.role(role, report);
    }
    for code in codes.iter().filter(|code| roles.code(&code.value).is_none()) {
        let known = roles.codes.iter().map(|code| code.as_str()).filter(|_| !report.is_long());
        let message = format!("the policy has no code `{}`", code.value);
        report.push(Diagnostic::at(Diag::BadValue, code.span, message).label("gives nothing").suggest(
            code.value.as_str(),
            known,
            "write a code that a route requires; to try a token that says something else, write its claims \
                 below `token`",
        ));
    }
}
