//! `roles:` - named sets of grants.

use super::elsewhere::IN_A_ROLE;
use super::name::{CodePattern, Located, RoleName};
use crate::diag::Report;
use crate::yaml::{Entry, Fields, Shape, integer, key_name, text, texts};

/// A role as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Located<RoleName>,
    /// Words for people.
    pub description: Option<String>,
    /// The roles whose grants and denies it has too.
    pub inherits: Vec<Located<RoleName>>,
    /// The codes it gives.
    pub grants: Vec<Located<CodePattern>>,
    /// The codes it takes away, whatever grants them.
    pub denies: Vec<Located<CodePattern>>,
    /// Orders a user's roles; the heaviest is the primary role.
    pub weight: i64,
}

pub(super) const ROLE: Shape =
    Shape { what: "a role", known: &["description", "inherits", "grants", "denies", "weight"], later: &[] };

impl Role {
    /// `None` only where the name can't be read. Of a role that is wrong
    /// otherwise what can be read is kept, so that whoever names it is not told
    /// that there is no such role.
    pub(super) fn read(entry: &Entry, report: &mut Report) -> Option<Self> {
        let name = key_name(entry, "a role", report).and_then(|t| RoleName::read(t, report));
        let Some(fields) = Fields::read_with(&entry.value, ROLE, IN_A_ROLE, report) else {
            let (inherits, grants, denies) = (Vec::new(), Vec::new(), Vec::new());
            return Some(Self { name: name?, description: None, inherits, grants, denies, weight: 0 });
        };
        let description = fields
            .get("description")
            .and_then(|e| text(&e.value, "the description", report))
            .map(|t| t.value.to_owned());
        let inherits = fields.get("inherits").map_or_else(Vec::new, |e| {
            let names = texts(&e.value, "a role to inherit", report);
            names.into_iter().filter_map(|t| RoleName::read(t, report)).collect()
        });
        let mut patterns = |key: &str| {
            fields.get(key).map_or_else(Vec::new, |e| {
                let codes = texts(&e.value, "a code", report);
                codes.into_iter().filter_map(|t| CodePattern::read(t, report)).collect()
            })
        };
        let (grants, denies) = (patterns("grants"), patterns("denies"));
        let weight = fields
            .get("weight")
            .and_then(|e| integer(&e.value, "the weight", -1_000_000..=1_000_000, report))
            .unwrap_or_default();
        Some(Self { name: name?, description, inherits, grants, denies, weight })
    }
}
