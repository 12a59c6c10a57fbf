//! Roles by routes: what somebody who holds one role alone may call.
//!
//! Worked out from what the index holds of each role, not by asking the engine a
//! million times; a property test holds it against the engine.

mod chart;
mod csv;
mod json;
mod markdown;
mod notes;
mod page;
mod text;

use std::collections::BTreeMap;

use self::notes::Notes;
use crate::compile::{BitSet, CodeId, Gives, Index, Need, Role, RoleId, Route, Rule, ServiceId};
use crate::policy::Access;

pub use text::NARROWEST;

/// What a caller may do on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// Call it.
    Yes,
    /// Call it where the row's conditions hold.
    If,
    /// Not call it.
    No,
}

/// Whom a column is about.
#[derive(Debug, Clone)]
pub struct Column<'i> {
    /// `anonymous`, `any user` or the role's name.
    pub name: &'i str,
    /// What to know of it, by the numbers of the matrix's notes.
    pub notes: Vec<usize>,
    kind: Kind<'i>,
}

#[derive(Debug, Clone, Copy)]
enum Kind<'i> {
    /// Without a token.
    Anonymous,
    /// With a token that gives nothing.
    Anybody,
    /// With a token that gives one role.
    Role(&'i Role),
}

/// A route.
#[derive(Debug, Clone)]
pub struct Row<'i> {
    /// The methods as they were written.
    pub methods: &'i str,
    /// The template as it was written.
    pub path: &'i str,
    /// Where it stands.
    pub place: String,
    /// What it requires, in words.
    pub requires: String,
    /// What must hold beside roles and codes, by the numbers of the matrix's
    /// notes. Nothing where nobody may call.
    pub conditions: Vec<usize>,
    /// Whether that is more than not to come from a denied address.
    conditional: bool,
    allowed: BitSet,
}

impl Row<'_> {
    /// What the column of a number may do.
    pub fn cell(&self, column: usize) -> Cell {
        match u32::try_from(column).is_ok_and(|column| self.allowed.contains(column)) {
            false => Cell::No,
            true if self.conditional => Cell::If,
            true => Cell::Yes,
        }
    }
}

/// The routes of a service.
#[derive(Debug, Clone)]
pub struct Block<'i> {
    /// The service.
    pub name: &'i str,
    /// What to know of it, by the numbers of the matrix's notes.
    pub notes: Vec<usize>,
    /// By path, then by methods.
    pub rows: Vec<Row<'i>>,
}

/// Roles by routes.
#[derive(Debug, Clone)]
pub struct Matrix<'i> {
    /// The policy's revision.
    pub revision: &'i str,
    /// `anonymous`, `any user`, then the roles by name.
    pub columns: Vec<Column<'i>>,
    /// By service.
    pub blocks: Vec<Block<'i>>,
    /// Each once; told by its number, counted from 1.
    pub notes: Vec<String>,
}

/// A part of all roles and routes.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// This service alone.
    pub service: Option<ServiceId>,
    /// These roles alone, by name; all where none is named.
    pub roles: Vec<String>,
}

impl<'i> Matrix<'i> {
    /// The matrix of a policy, or of a part.
    pub fn of(index: &'i Index, part: &Part) -> Self {
        let mut notes = Notes::default();
        let scoped = notes::scoped(index);
        let wanted =
            |role: &Role| part.roles.is_empty() || part.roles.iter().any(|name| **name == *role.name);
        let roles = index.roles().filter(|(_, role)| wanted(role));
        let of_role = |(id, role): (_, &'i Role)| Column {
            name: &role.name,
            notes: notes::of_role(index, role, scoped.get(&id).map(Vec::as_slice), &mut notes),
            kind: Kind::Role(role),
        };
        let mut columns = vec![
            Column { name: "anonymous", notes: Vec::new(), kind: Kind::Anonymous },
            Column { name: "any user", notes: Vec::new(), kind: Kind::Anybody },
        ];
        columns.extend(roles.map(of_role));
        let mut rows: BTreeMap<ServiceId, Vec<Row<'i>>> = BTreeMap::new();
        for (_, route) in index.routes() {
            if part.service.is_none_or(|only| only == route.service) {
                let row = row(index, route, &columns, &mut notes);
                rows.entry(route.service).or_default().push(row);
            }
        }
        let blocks = rows.into_iter().filter_map(|(id, mut rows)| {
            let service = index.service(id)?;
            rows.sort_by_key(|row| (row.path, row.methods));
            Some(Block { name: &service.name, notes: notes::of_service(service, &mut notes), rows })
        });
        let blocks = blocks.collect();
        Self { revision: index.revision(), columns, blocks, notes: notes.into_texts() }
    }

    /// How many routes it has.
    pub fn routes(&self) -> usize {
        self.blocks.iter().map(|block| block.rows.len()).sum()
    }
}

fn row<'i>(index: &'i Index, route: &'i Route, columns: &[Column<'i>], notes: &mut Notes) -> Row<'i> {
    let mut allowed = BitSet::new(columns.len());
    for (number, column) in (0..).zip(columns) {
        if admits(&route.rule, column.kind) {
            allowed.insert(number);
        }
    }
    let conditions =
        if allowed == BitSet::new(columns.len()) { Vec::new() } else { notes::of_route(route, notes) };
    let (methods, path) = route.text.rsplit_once(' ').unwrap_or(("", &route.text));
    Row {
        methods,
        path,
        place: route.place.to_string(),
        requires: notes::requires(index, &route.rule),
        conditions,
        conditional: is_conditional(route),
        allowed,
    }
}

/// Whether it is for some callers only, whatever roles they have. Not to come from
/// a denied address is what nearly everybody does.
fn is_conditional(route: &Route) -> bool {
    let listed = route.ip.as_ref().is_some_and(|ip| ip.allow.is_some());
    listed || matches!(&route.rule, Rule::Needs { peers, when, .. } if peers.is_some() || when.is_some())
}

/// Whether a route lets such a caller in, its conditions aside.
fn admits(rule: &Rule, kind: Kind<'_>) -> bool {
    let held = match kind {
        Kind::Role(role) => Some(role.gives()),
        Kind::Anonymous | Kind::Anybody => None,
    };
    match (rule, kind) {
        (Rule::Access(Access::Anonymous), _) => true,
        (Rule::Access(Access::Denied), _) => false,
        (Rule::Access(Access::Authenticated), kind) => !matches!(kind, Kind::Anonymous),
        // Who calls is known by the certificate where the route asks for one.
        (Rule::Needs { peers: None, .. }, Kind::Anonymous) => false,
        (Rule::Needs { roles, codes, .. }, _) => {
            roles.as_ref().is_none_or(|need| holds_roles(need, held))
                && codes.as_ref().is_none_or(|need| holds_codes(need, held))
        }
    }
}

fn holds_roles(need: &Need<RoleId>, held: Option<Gives<'_>>) -> bool {
    need.holds(|role| held.is_some_and(|held| held.roles.contains(role.number())))
}

fn holds_codes(need: &Need<CodeId>, held: Option<Gives<'_>>) -> bool {
    let has = |code: u32| held.is_some_and(|held| held.granted.contains(code) && !held.denied.contains(code));
    need.holds(|code| has(code.number()))
}
