//! What an expression takes from the policy beside its own text: two conditions
//! of one text mean the same only where this is the same too.

use std::collections::BTreeSet;

use super::Expression;
use super::fact::Fact;

/// What of the policy an expression leans on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leans<'e> {
    /// The path parameters whose values it reads.
    pub params: BTreeSet<&'e str>,
    /// Roles that it looks for among those given to the user.
    pub roles: Which<'e>,
    /// Codes that it looks for among the user's.
    pub codes: Which<'e>,
    /// Networks that it looks for among those of the address.
    pub networks: Which<'e>,
    /// Whether it asks for the name of the service.
    pub service: bool,
}

/// Which of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which<'e> {
    /// These, which are written out.
    Only(BTreeSet<&'e str>),
    /// Any: the expression goes through the list, or its order matters.
    All,
}

impl Expression {
    /// What of the policy it leans on.
    pub fn leans(&self) -> Leans<'_> {
        let asked = |fact: &Fact| self.names.lists.iter().filter(|asked| *asked == fact).count();
        let which = |fact: Fact, named: Vec<&'_ str>| {
            // Each name that is looked for is one time that the list is asked.
            if asked(&fact) == named.len() { None } else { Some(()) }
        };
        let roles: Vec<&str> = self.names.roles().map(|(name, _)| name).collect();
        let codes: Vec<&str> = self.names.codes().collect();
        let networks: Vec<&str> = self.names.networks().map(|(name, _)| name).collect();
        let only = |through: Option<()>, names: Vec<_>| match through {
            None => Which::Only(names.into_iter().collect()),
            Some(()) => Which::All,
        };
        let through_roles =
            which(Fact::Roles, roles.clone()).or((asked(&Fact::PrimaryRole) > 0).then_some(()));
        Leans {
            params: self.names.params().map(|(name, _)| name).collect(),
            codes: only(which(Fact::Codes, codes.clone()), codes),
            networks: only(which(Fact::Networks, networks.clone()), networks),
            roles: only(through_roles, roles),
            service: asked(&Fact::Service) > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_written_out_is_known_and_the_rest_is_everything() {
        let only = |names: &[&'static str]| Which::Only(names.iter().copied().collect());
        let none = || only(&[]);
        let all = Which::All;
        for (text, roles, codes, networks) in [
            ("\"a\" in user.roles", only(&["a"]), none(), none()),
            ("\"a\" in user.roles || \"b\" in user.roles", only(&["a", "b"]), none(), none()),
            ("\"a\" in user.roles && user.roles.exists(r, r == claims.r)", all.clone(), none(), none()),
            ("user.primary_role == \"a\"", all.clone(), none(), none()),
            ("user.roles == [\"a\"]", all.clone(), none(), none()),
            ("\"x:y\" in user.codes", none(), only(&["x:y"]), none()),
            ("claims.c in user.codes", none(), all.clone(), none()),
            ("!(\"office\" in source.networks)", none(), none(), only(&["office"])),
            ("claims.n in source.networks", none(), none(), all.clone()),
            ("path.id == claims.id && service == \"s\"", none(), none(), none()),
        ] {
            let expression = Expression::condition(text).unwrap();
            let leans = expression.leans();
            assert_eq!((leans.roles, leans.codes, leans.networks), (roles, codes, networks), "{text}");
            assert_eq!(leans.service, text.contains("service"));
            assert_eq!(leans.params.contains("id"), text.contains("path.id"));
        }
    }
}
