//! What a caller lacks, and which roles would help.

use std::fmt;

use serde::Serialize;

use super::decision::Decision;
use super::held::Held;
use super::near::{Near, near};
use crate::compile::{CodeId, Index, Occasion, Role, RoleId, Rule};
use crate::words::Reason;

/// Something that was required and that the caller does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lack {
    /// A role.
    Role {
        /// Its name.
        name: String,
        /// Other roles that include it.
        included_in: Vec<String>,
        /// The caller's bindings that would give it, and do not count here and
        /// now.
        #[serde(flatten)]
        bindings: Near,
    },
    /// A permission code.
    Code {
        /// The code.
        name: String,
        /// The roles that grant it and do not deny it.
        granted_by: Vec<String>,
        /// The caller's own roles that deny it: no further role would help.
        denied_by: Vec<Denier>,
        /// Whether the token's scopes leave it out: no role would help either.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        out_of_scope: bool,
        /// The caller's bindings that would give it, and do not count here and
        /// now.
        #[serde(flatten)]
        bindings: Near,
    },
}

impl Lack {
    /// The caller's bindings that would give it, and do not count here and now.
    pub fn bindings(&self) -> &Near {
        match self {
            Self::Role { bindings, .. } | Self::Code { bindings, .. } => bindings,
        }
    }

    /// Every place that it names.
    pub(super) fn places(&mut self) -> impl Iterator<Item = &mut String> {
        let (denied_by, bindings): (&mut [Denier], _) = match self {
            Self::Role { bindings, .. } => (&mut [], bindings),
            Self::Code { denied_by, bindings, .. } => (denied_by, bindings),
        };
        denied_by.iter_mut().map(|denier| &mut denier.place).chain(bindings.places())
    }
}

/// A role that denies a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denier {
    /// The role.
    pub role: String,
    /// Where it is defined.
    pub place: String,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role { name, included_in, .. } if included_in.is_empty() => {
                write!(f, "the role {name}, which no other role includes")
            }
            Self::Role { name, included_in, .. } => {
                write!(f, "the role {name}, which is also included in {}", included_in.join(", "))
            }
            Self::Code { name, denied_by, .. } if !denied_by.is_empty() => {
                let roles: Vec<_> = denied_by.iter().map(|d| format!("{} ({})", d.role, d.place)).collect();
                write!(f, "the code {name}, which is denied by the caller's role {}", roles.join(", "))
            }
            Self::Code { name, out_of_scope: true, .. } => {
                write!(f, "the code {name}, which the token's scopes do not include")
            }
            Self::Code { name, granted_by, .. } if granted_by.is_empty() => {
                write!(f, "the code {name}, which no role grants")
            }
            Self::Code { name, granted_by, .. } => {
                write!(f, "the code {name}, which is granted by {}", granted_by.join(", "))
            }
        }
    }
}

/// What a denied caller would have to be given, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    /// The roles.
    pub roles: Vec<String>,
    /// The permission codes.
    pub codes: Vec<String>,
}

impl Missing {
    /// All that the route requires and the caller lacks; of several that would
    /// each be enough, all. For `role_missing` that is the codes too: whoever
    /// asks for the role alone would have to come back.
    pub fn of(index: &Index, decision: &Decision) -> Self {
        let (Some(held), Some(route)) = (decision.held(index), decision.route.and_then(|id| index.route(id)))
        else {
            return Self::default();
        };
        let (Rule::Needs { roles, codes, .. }, Reason::RoleMissing | Reason::CodeMissing) =
            (&route.rule, decision.reason)
        else {
            return Self::default();
        };
        let mut missing = Self::default();
        if let Some(need) = roles.as_ref().filter(|need| !need.holds(|id| held.has_role(id))) {
            let lacking = need.ids.iter().filter(|id| !held.has_role(**id));
            missing.roles = lacking.filter_map(|id| index.role(*id)).map(|r| r.name.to_string()).collect();
        }
        if let Some(need) = codes.as_ref().filter(|need| !need.holds(|id| held.has_code(id))) {
            let lacking = need.ids.iter().filter(|id| !held.has_code(**id));
            missing.codes = lacking.filter_map(|id| index.code(*id)).map(|c| c.as_str().to_owned()).collect();
        }
        missing
    }
}

/// For a role or code that is missing: each one that is required and that the
/// caller does not have. Without the occasion nothing is known of scopes.
pub fn lacks(index: &Index, decision: &Decision, occasion: Option<Occasion<'_>>) -> Vec<Lack> {
    let (Some(held), Some(route)) = (decision.held(index), decision.route.and_then(|id| index.route(id)))
    else {
        return Vec::new();
    };
    let seen = Seen { index, held, occasion };
    match (&route.rule, decision.reason) {
        (Rule::Needs { roles: Some(need), .. }, Reason::RoleMissing) => {
            need.ids.iter().filter(|id| !held.has_role(**id)).map(|id| seen.role(*id)).collect()
        }
        (Rule::Needs { codes: Some(need), .. }, Reason::CodeMissing) => {
            need.ids.iter().filter(|id| !held.has_code(**id)).map(|id| seen.code(*id)).collect()
        }
        _ => Vec::new(),
    }
}

/// A caller on a request.
struct Seen<'a> {
    index: &'a Index,
    held: Held<'a>,
    occasion: Option<Occasion<'a>>,
}

impl Seen<'_> {
    fn role(&self, id: RoleId) -> Lack {
        let includes = |role: &Role| role.closure.contains(id.number());
        let included_in = self.index.roles().filter(|(other, role)| *other != id && includes(role));
        Lack::Role {
            name: self.index.role(id).map_or_else(String::new, |r| r.name.to_string()),
            included_in: included_in.map(|(_, r)| r.name.to_string()).collect(),
            bindings: self.near(includes, |_| false),
        }
    }

    fn code(&self, id: CodeId) -> Lack {
        let grants = |role: &Role| role.granted.contains(id.number());
        let denies = |role: &Role| role.denied.contains(id.number());
        let assigned = self.held.assigned();
        let deniers = assigned.iter().filter_map(|a| self.index.role(a.role)).filter(|role| denies(role));
        let denied_by: Vec<_> = deniers
            .map(|role| Denier { role: role.name.to_string(), place: role.place.to_string() })
            .collect();
        let granted_by = self.index.roles().filter(|(_, role)| grants(role) && !denies(role));
        let name = self.index.code(id).map_or_else(String::new, |c| c.as_str().to_owned());
        let scopes = self.held.principal().subject().scopes.as_ref();
        let out_of_scope = scopes.is_some_and(|scopes| !scopes.contains(&name));
        let hopeless = out_of_scope || !denied_by.is_empty();
        Lack::Code {
            name,
            granted_by: granted_by.map(|(_, role)| role.name.to_string()).collect(),
            denied_by,
            out_of_scope,
            bindings: if hopeless { Near::default() } else { self.near(grants, denies) },
        }
    }

    fn near(&self, gives: impl Fn(&Role) -> bool, takes: impl Fn(&Role) -> bool) -> Near {
        match self.occasion {
            Some(occasion) => near(self.index, self.held.principal(), occasion, gives, takes),
            None => Near::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::OnAnonymous;
    use crate::engine::{Input, Principal, Subject, decide, tests};

    const POLICY: &str = "
roles:
  reader: { grants: [a:read] }
  writer: { grants: [a:write] }
  auditor: { denies: [a:write] }
services:
  a:
    paths: [/a]
    routes:
      - { route: GET /a/any, roles: { any: [writer, auditor] } }
      - { route: GET /a/all, roles: { all: [reader, writer] } }
      - { route: GET /a/both, roles: writer, codes: { all: [a:read, a:write] } }
      - { route: GET /a/code, roles: reader, codes: { any: [a:write, a:own] } }
      - { route: GET /a/closed, access: denied }
";

    /// What somebody with these roles lacks: roles, then codes.
    fn missing(path: &str, roles: &[&str]) -> (String, String) {
        let index = tests::index(POLICY);
        let input = Input { method: "GET", host: "a.test", path, ..Input::default() };
        let decision = decide(&index, &input, OnAnonymous::Unseen, |_| {
            let roles = roles.iter().map(|role| (*role).to_owned()).collect();
            let subject = Subject { user: "ann".to_owned(), roles, ..Subject::default() };
            Ok(Arc::new(Principal::resolve(&index, subject)))
        });
        let Missing { roles, codes } = Missing::of(&index, &decision);
        (roles.join(" "), codes.join(" "))
    }

    #[test]
    fn what_is_missing_is_what_would_have_to_be_given() {
        for (path, held, roles, codes) in [
            ("/a/any", &[][..], "auditor writer", ""),
            ("/a/any", &["writer"], "", ""),
            ("/a/all", &["reader"], "writer", ""),
            ("/a/all", &[], "reader writer", ""),
            ("/a/both", &[], "writer", "a:read a:write"),
            ("/a/both", &["reader"], "writer", "a:write"),
            ("/a/both", &["writer"], "", "a:read"),
            ("/a/both", &["reader", "writer", "auditor"], "", "a:write"),
            ("/a/code", &["reader"], "", "a:own a:write"),
            ("/a/closed", &["reader"], "", ""),
            ("/nothing", &[], "", ""),
        ] {
            let (mut found, sorted) = (missing(path, held), |text: &str| {
                let mut names: Vec<&str> = text.split(' ').collect();
                names.sort_unstable();
                names.join(" ")
            });
            found = (sorted(&found.0), sorted(&found.1));
            assert_eq!(found, (roles.to_owned(), codes.to_owned()), "{path} {held:?}");
        }
    }
}
