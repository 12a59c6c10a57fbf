//! What a token gives, as far as a line says it: what a replay by another policy
//! needs to know of it.

use super::claims::hides;
use super::json::{LONGEST, Object, list, name, string};
use super::line::MAX_ROLES;
use crate::config::ClaimPath;
use crate::engine::Subject;

/// The most names of one kind.
const MAX_NAMES: usize = 64;

/// Writes which of the roles in force bindings alone give, the names that the token
/// gives where they are asked for, and which kinds of names it has that the line
/// does not hold.
pub(super) fn members(
    line: &mut Object<'_>,
    caller: &Subject,
    in_force: &[&str],
    hidden: &[ClaimPath],
    asked: bool,
) {
    let of_token = |role: &&&str| caller.roles.iter().any(|name| name == **role);
    let told = in_force.get(..MAX_ROLES).unwrap_or(in_force);
    let bound = || told.iter().filter(|role| !of_token(role));
    if bound().next().is_some() {
        list(line.ours(name!("roles_bound")), bound(), |out, role| string(out, role));
    }
    let scopes = caller.scopes.as_deref();
    let kinds = [
        ("roles", Some(caller.roles.as_slice())),
        ("groups", Some(caller.groups.as_slice())),
        ("codes", Some(caller.codes.as_slice())),
        ("scopes", scopes),
    ];
    let fits = |names: &[String]| {
        let fine = |name: &String| name.len() <= LONGEST && !hides(hidden, &caller.claims, name);
        names.len() <= MAX_NAMES && names.iter().all(fine)
    };
    let is_listed = |names: &[String]| asked && fits(names);
    if asked {
        let mut token = Object::open(line.ours(name!("token")));
        for (kind, names) in kinds {
            if let Some(names) =
                names.filter(|names| is_listed(names) && (!names.is_empty() || kind == "scopes"))
            {
                list(token.member(kind), names, |out, name| string(out, name));
            }
        }
        token.close();
    }
    let unlisted = || {
        kinds.into_iter().filter(|(kind, names)| match names {
            None => false,
            Some(names) if is_listed(names) => false,
            // Roles that the policy has are told as those in force.
            Some(names) if *kind == "roles" && !asked => {
                names.iter().any(|name| !told.iter().any(|role| role == name))
            }
            Some(names) => !names.is_empty() || *kind == "scopes",
        })
    };
    if unlisted().next().is_some() {
        list(line.ours(name!("unlisted")), unlisted(), |out, (kind, _)| string(out, kind));
    }
}
