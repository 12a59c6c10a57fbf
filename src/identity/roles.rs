//! The names of roles in tokens, as the policy calls them.
//!
//! Names are compared byte for byte. A name that the map gives as a role is
//! taken from the map alone: whoever renames `realm-admin` to `admin` says
//! which role of the token is the policy's, and that no other one is, least of
//! all one that happens to be called `admin` too.

use std::collections::{HashMap, HashSet};

use crate::config;
use crate::engine::{ReadAs, Reading};

/// How the role names of an issuer's tokens are read.
#[derive(Default)]
pub(super) struct RoleNames {
    /// The longest first.
    prefixes: Vec<String>,
    map: HashMap<String, Vec<String>>,
    /// All roles that the map gives.
    mapped: HashSet<String>,
}

impl RoleNames {
    pub(super) fn of(names: &config::RoleNames) -> Self {
        let config::RoleNames { prefixes, map } = names;
        let mut prefixes = prefixes.clone();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        let roles =
            |targets: &Vec<config::Target>| targets.iter().map(|target| target.role.clone()).collect();
        Self {
            prefixes,
            map: map.iter().map(|(name, targets)| (name.clone(), roles(targets))).collect(),
            mapped: map.values().flatten().map(|target| target.role.clone()).collect(),
        }
    }

    /// The policy's names, each once, and what became of those names of the
    /// token that are not the policy's.
    pub(super) fn read(&self, names: Vec<String>) -> (Vec<String>, Vec<ReadAs>) {
        if self.prefixes.is_empty() && self.map.is_empty() {
            return (names, Vec::new());
        }
        let (mut seen, mut roles, mut read_as) = (HashSet::new(), Vec::new(), Vec::new());
        for name in names {
            let reading = self.one(&name);
            if let Reading::Roles(read) = &reading {
                roles.extend(read.iter().filter(|role| seen.insert((*role).clone())).cloned());
            }
            if !matches!(&reading, Reading::Roles(read) if *read == [name.as_str()]) {
                read_as.push(ReadAs { name, reading });
            }
        }
        (roles, read_as)
    }

    fn one(&self, name: &str) -> Reading {
        let mut stripped = self.prefixes.iter().filter_map(|prefix| name.strip_prefix(&**prefix));
        let name = match stripped.next() {
            Some("") => return Reading::Nothing("there is nothing behind its prefix"),
            Some(name) => name,
            None if self.prefixes.is_empty() => name,
            None => return Reading::Nothing("it has none of the `role_prefixes`"),
        };
        match self.map.get(name) {
            Some(roles) => Reading::Roles(roles.clone()),
            None if self.mapped.contains(name) => {
                Reading::Nothing("`roles_map` gives that role to other names")
            }
            None => Reading::Roles(vec![name.to_owned()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Prefixes, and a map written as `name=role,role`.
    fn names(prefixes: &[&str], map: &[&str]) -> RoleNames {
        let own = |text: &str| text.to_owned();
        let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entry in map {
            let (name, roles) = entry.split_once('=').unwrap_or((entry, ""));
            entries.insert(own(name), roles.split(',').map(own).collect());
        }
        let mut sorted: Vec<String> = prefixes.iter().map(|prefix| own(prefix)).collect();
        sorted.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        let mapped = entries.values().flatten().cloned().collect();
        RoleNames { prefixes: sorted, map: entries.into_iter().collect(), mapped }
    }

    fn roles(names: &RoleNames, token: &[&str]) -> String {
        names.read(token.iter().map(|name| (*name).to_owned()).collect()).0.join(" ")
    }

    #[test]
    fn without_rules_names_are_as_they_stand() {
        assert_eq!(roles(&names(&[], &[]), &["ROLE_a", "", "a b", "ROLE_a"]), "ROLE_a  a b ROLE_a");
    }

    #[test]
    fn names_without_a_prefix_are_another_application_s() {
        let names = names(&["ROLE_", "shop:", "ROLE_SHOP_"], &[]);
        assert_eq!(
            roles(&names, &["ROLE_viewer", "shop:admin", "admin", "role_admin", "xROLE_admin"]),
            "viewer admin"
        );
        assert_eq!(roles(&names, &["ROLE_SHOP_editor"]), "editor", "the longest that fits");
        assert_eq!(roles(&names, &["ROLE_", "shop:", "ROLE_SHOP_", ""]), "", "nothing left");
        assert_eq!(roles(&names, &["ROLE_ROLE_x", "shop:ROLE_x"]), "ROLE_x", "once, and each role once");
    }

    #[test]
    fn clm_9_a_role_that_the_map_gives_is_had_through_the_map_alone() {
        let names = names(&[], &["realm-admin=admin", "staff=viewer,editor", "ops=ops"]);
        assert_eq!(roles(&names, &["realm-admin"]), "admin");
        assert_eq!(roles(&names, &["admin", "viewer", "editor"]), "");
        assert_eq!(roles(&names, &["ops"]), "ops", "said so by the map");
        assert_eq!(roles(&names, &["staff", "auditor", "staff"]), "viewer editor auditor");
        assert_eq!(
            roles(&names, &["Realm-Admin", "realm-admin ", "realm-admin*", "*"]),
            "Realm-Admin realm-admin  realm-admin* *"
        );
    }

    #[test]
    fn the_map_is_asked_by_the_name_behind_the_prefix() {
        let names = names(&["shop:"], &["boss=admin"]);
        assert_eq!(roles(&names, &["shop:boss", "shop:viewer"]), "admin viewer");
        assert_eq!(roles(&names, &["boss", "admin", "shop:admin"]), "");
    }

    #[test]
    fn what_became_of_a_name_is_told() {
        let names = names(&["shop:"], &["boss=admin,viewer"]);
        let token = ["shop:boss", "shop:admin", "other:x", "shop:", "shop:editor"].map(str::to_owned);
        let told: Vec<String> = names.read(token.into()).1.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "shop:boss, read as admin, viewer",
                "shop:admin, which gives nothing: `roles_map` gives that role to other names",
                "other:x, which gives nothing: it has none of the `role_prefixes`",
                "shop:, which gives nothing: there is nothing behind its prefix",
                "shop:editor, read as editor",
            ]
        );
    }
}
