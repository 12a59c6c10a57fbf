//! A policy made weaker, one rule at a time: does a test or an invariant notice?
//!
//! A test that holds may hold for another reason than the one it was written
//! for. So each rule is weakened as a slip of the hand would weaken it, all tests
//! are run against what comes out, and all invariants proved of it. A weakened
//! policy that all of them are content with is a *survivor*, and tells which test
//! is missing. What opens nothing at all is proved to do so, and counts neither
//! way.

mod change;
mod entry;
mod grants;
mod requirements;
mod routes;
mod trial;

use std::collections::BTreeSet;
use std::iter;

use crate::diag::Span;
use crate::policy::{Defaults, Policy};
use change::{Change, Piece};
use requirements::Vocabulary;

pub use entry::Entry;
pub use trial::{Fate, Ground, Notice, Survivor, Trial};

/// A weaker policy: what is changed in it, and how to change it.
#[derive(Debug)]
pub struct Mutant {
    /// In one word.
    pub kind: Kind,
    /// The service whose rule it is; none for what holds for several.
    pub service: Option<Box<str>>,
    /// What the rule belongs to, in words.
    pub subject: String,
    /// Where the rule stands.
    pub span: Span,
    /// The rule as it is, as one line of YAML.
    pub before: String,
    /// The rule as it became; none where it is gone.
    pub after: Option<String>,
    piece: Piece,
}

/// How a rule is weakened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `all` became `any`.
    AnyForAll,
    /// A name of an `all` is gone.
    NameDropped,
    /// Another name is enough, too.
    NameAdded,
    /// `roles`, `codes`, `peers` or `when` is gone.
    RequirementDropped,
    /// An `ip` rule, or a part of it, is gone.
    IpDropped,
    /// Other peers are let in.
    PeerWidened,
    /// `access` says more: any token in place of what is required, or nobody's.
    AccessOpened,
    /// A route matches more paths.
    PathWidened,
    /// A route answers for more methods.
    MethodsWidened,
    /// A role takes a code away no more.
    DenyDropped,
    /// A role grants all codes that begin so.
    GrantWidened,
    /// `on`, `from` or `until` of a binding is gone.
    ScopeDropped,
    /// A binding is for more than its peer.
    HolderWidened,
    /// A range of a network is gone.
    RangeDropped,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 14] = [
        Kind::AnyForAll,
        Kind::NameDropped,
        Kind::NameAdded,
        Kind::RequirementDropped,
        Kind::IpDropped,
        Kind::PeerWidened,
        Kind::AccessOpened,
        Kind::PathWidened,
        Kind::MethodsWidened,
        Kind::DenyDropped,
        Kind::GrantWidened,
        Kind::ScopeDropped,
        Kind::HolderWidened,
        Kind::RangeDropped,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AnyForAll => "any-for-all",
            Self::NameDropped => "name-dropped",
            Self::NameAdded => "name-added",
            Self::RequirementDropped => "requirement-dropped",
            Self::IpDropped => "ip-dropped",
            Self::PeerWidened => "peer-widened",
            Self::AccessOpened => "access-opened",
            Self::PathWidened => "path-widened",
            Self::MethodsWidened => "methods-widened",
            Self::DenyDropped => "deny-dropped",
            Self::GrantWidened => "grant-widened",
            Self::ScopeDropped => "scope-dropped",
            Self::HolderWidened => "holder-widened",
            Self::RangeDropped => "range-dropped",
        }
    }
}

/// Every way to weaken one rule of a policy, in the order of the policy; with a
/// name of a service, its rules alone. Some may not compile, and some may open
/// nothing: only a trial tells.
pub fn mutants(policy: &Policy, service: Option<&str>) -> Vec<Mutant> {
    let vocabulary = Vocabulary::new(policy);
    let mut all = Vec::new();
    if service.is_none() {
        all.extend(of_defaults(&policy.defaults, None, &vocabulary));
        all.extend(grants::of_roles(policy));
        all.extend(grants::of_bindings(policy));
        all.extend(grants::of_networks(policy));
    }
    let chosen = |name: &str| service.is_none_or(|service| service == name);
    for (at, of) in policy.services.iter().enumerate().filter(|(_, of)| chosen(of.name.value.as_str())) {
        let name = of.name.value.as_str();
        all.extend(of_defaults(&of.defaults, Some((at, name)), &vocabulary));
        for (number, route) in of.routes.iter().enumerate() {
            let levels = [&route.own, &of.defaults, &policy.defaults];
            let subject = format!("`{}` of `{name}`", route.text);
            let changes = routes::of_route(route, levels, of, &vocabulary);
            all.extend(changes.into_iter().map(|change| {
                let piece = |route| Piece::Route(at, number, Box::new(route));
                change.mutant(subject.clone(), Some(name), piece)
            }));
        }
    }
    all
}

fn of_defaults(defaults: &Defaults, of: Option<(usize, &str)>, vocabulary: &Vocabulary<'_>) -> Vec<Mutant> {
    let subject =
        of.map_or("the defaults of all services".to_owned(), |(_, name)| format!("the defaults of `{name}`"));
    let changes: Vec<Change<Defaults>> = requirements::of(defaults, vocabulary);
    let piece = |defaults| Piece::Defaults(of.map(|(at, _)| at), Box::new(defaults));
    changes
        .into_iter()
        .map(|change| change.mutant(subject.clone(), of.map(|(_, name)| name), piece))
        .collect()
}

/// So many of them, the same ones each time; those of a policy that was changed
/// a little are nearly the same. In the order that they had.
pub fn sample(all: Vec<Mutant>, limit: usize) -> Vec<Mutant> {
    if all.len() <= limit {
        return all;
    }
    // By what they say and not by their numbers, of which one new route moves
    // all. Two that say the same are told apart by their numbers.
    let mut numbers: Vec<(u64, usize)> =
        all.iter().enumerate().map(|(at, mutant)| (mutant.mark(), at)).collect();
    numbers.sort_unstable();
    let kept: BTreeSet<usize> = numbers.into_iter().take(limit).map(|(_, at)| at).collect();
    all.into_iter().enumerate().filter(|(at, _)| kept.contains(at)).map(|(_, mutant)| mutant).collect()
}

impl Mutant {
    /// The service to which alone it makes a difference, where there is one.
    fn reach(&self) -> Option<&str> {
        match self.piece {
            Piece::Defaults(Some(_), _) | Piece::Route(..) => self.service.as_deref(),
            Piece::Defaults(None, _) | Piece::Role(..) | Piece::Binding(..) | Piece::Network(..) => None,
        }
    }

    /// A number that depends on nothing but what it says (FNV-1a, and a last
    /// stirring that FNV lacks).
    fn mark(&self) -> u64 {
        let words = [self.kind.as_str(), &self.subject, &self.before, self.after.as_deref().unwrap_or("")];
        let bytes = words.into_iter().flat_map(|word| word.bytes().chain(iter::once(0)));
        let sum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        (sum ^ (sum >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (sum >> 32)
    }
}

/// A share in hundredths, rounded down; of nothing, nothing is missing.
pub fn percent(part: usize, all: usize) -> u8 {
    match all {
        0 => 100,
        all => u8::try_from(part.saturating_mul(100) / all).unwrap_or(100),
    }
}
