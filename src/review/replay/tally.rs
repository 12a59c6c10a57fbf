//! What became of all requests, in bounded memory.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use super::decide::{End, Unsaid};
use super::example;
use super::seen::{Caller, Seen};
use crate::compile::Index;
use crate::engine::Reason;

/// The most groups of each kind; what is in no group is counted all the same.
const GROUPS: usize = 5_000;

/// The most users of a group that are counted apart.
const USERS: usize = 1_000;

/// The most users of a group that are named.
const NAMED: usize = 3;

/// The longest text that is kept.
const LONGEST: usize = 256;

/// What would become of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// It was denied, and would be allowed.
    WouldOpen,
    /// It was allowed, and would be denied.
    WouldClose,
    /// It would be denied for another reason.
    Reason,
}

impl Direction {
    /// The word, as decision logs have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WouldOpen => "would_open",
            Self::WouldClose => "would_close",
            Self::Reason => "reason",
        }
    }
}

/// Requests that would end otherwise alike.
#[derive(Debug, Clone)]
pub struct Group {
    /// How.
    pub direction: Direction,
    /// The service and the route, of the policy where it finds them, else of the log.
    pub service: Option<String>,
    /// The route as it was written.
    pub route: Option<String>,
    /// Why it ended as it did, where the log says so.
    pub was: Option<Reason>,
    /// Why it would end.
    pub now: Reason,
    /// Where the policy says so.
    pub place: Option<String>,
    /// How many, and when.
    pub times: Times,
    /// By whom.
    pub users: Users,
    /// One of them, as a command that shows it.
    pub example: Option<String>,
}

/// Requests that can't be decided again, for one reason.
#[derive(Debug, Clone)]
pub struct Undecided {
    /// A word for the reason.
    pub why: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// The service and the route, of the policy where it finds them, else of the log.
    pub service: Option<String>,
    /// The route as it was written.
    pub route: Option<String>,
    /// How many, and when.
    pub times: Times,
}

/// How many, and when the first and the last was, in whatever order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How many.
    pub count: u64,
    /// Seconds since 1970.
    pub first: u64,
    /// Seconds since 1970.
    pub last: u64,
}

impl Times {
    const NONE: Self = Self { count: 0, first: u64::MAX, last: 0 };

    fn add(&mut self, at: u64) {
        self.count += 1;
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }
}

/// Who made the requests of a group.
#[derive(Debug, Clone, Default)]
pub struct Users {
    known: HashSet<u64>,
    /// Some of them.
    pub names: Vec<String>,
    /// Whether there are more than are counted.
    pub more: bool,
}

impl Users {
    /// How many there are, at least.
    pub fn count(&self) -> usize {
        self.known.len()
    }

    fn add(&mut self, name: &str, hash: u64) {
        if self.known.contains(&hash) {
            return;
        }
        if self.known.len() >= USERS {
            self.more = true;
            return;
        }
        self.known.insert(hash);
        if self.names.len() < NAMED {
            self.names.push(cut(name));
        }
    }
}

type Key = (Direction, Option<String>, Option<String>, Option<Reason>, Reason);
type OpenKey = (&'static str, Option<String>, Option<String>);

#[derive(Debug)]
pub(super) struct Tally {
    pub(super) broken: u64,
    pub(super) would_open: u64,
    pub(super) would_close: u64,
    pub(super) unchanged: u64,
    pub(super) undecided: u64,
    hasher: RandomState,
    groups: HashMap<Key, Group>,
    open: HashMap<OpenKey, Undecided>,
    /// How many requests found no group.
    pub(super) ungrouped: u64,
    pub(super) times: Times,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            broken: 0,
            would_open: 0,
            would_close: 0,
            unchanged: 0,
            undecided: 0,
            hasher: RandomState::new(),
            groups: HashMap::new(),
            open: HashMap::new(),
            ungrouped: 0,
            times: Times::NONE,
        }
    }
}

impl Tally {
    pub(super) fn lines(&self) -> u64 {
        self.broken + self.would_open + self.would_close + self.unchanged + self.undecided
    }

    pub(super) fn add(&mut self, index: &Index, seen: &Seen, end: Result<End, Unsaid>) {
        self.times.add(seen.at);
        let end = match end {
            Ok(end) => end,
            Err(unsaid) => return self.unsaid(index, seen, unsaid),
        };
        let direction = match (seen.allowed, end.reason.is_allowed()) {
            (false, true) => Direction::WouldOpen,
            (true, false) => Direction::WouldClose,
            (false, false) if seen.reason.is_some_and(|was| was != end.reason) => Direction::Reason,
            (true, true) | (false, false) => {
                self.unchanged += 1;
                return;
            }
        };
        match direction {
            Direction::WouldOpen => self.would_open += 1,
            Direction::WouldClose => self.would_close += 1,
            Direction::Reason => self.unchanged += 1,
        }
        let (service, route) =
            names(index, seen, end.service.and_then(|id| index.service(id)).map(|s| &*s.name), end.route);
        let key = (direction, service.clone(), route.clone(), seen.reason, end.reason);
        if !self.groups.contains_key(&key) && self.groups.len() >= GROUPS {
            self.ungrouped += 1;
            return;
        }
        let group = self.groups.entry(key).or_insert_with(|| Group {
            direction,
            service,
            route,
            was: seen.reason,
            now: end.reason,
            place: end.route.and_then(|id| index.route(id)).map(|route| route.place.to_string()),
            times: Times::NONE,
            users: Users::default(),
            example: None,
        });
        group.times.add(seen.at);
        if let Caller::Token(token) = &seen.caller {
            group.users.add(&token.user, self.hasher.hash_one(&token.user));
        }
        if group.example.is_none() {
            let ip = end.route.and_then(|id| index.route(id)).is_some_and(|route| route.ip.is_some());
            group.example = example::command(seen, ip);
        }
    }

    fn unsaid(&mut self, index: &Index, seen: &Seen, Unsaid { why, route }: Unsaid) {
        self.undecided += 1;
        let (word, meaning) = why.words();
        let (service, route) = names(index, seen, None, route);
        let key = (word, service.clone(), route.clone());
        if !self.open.contains_key(&key) && self.open.len() >= GROUPS {
            self.ungrouped += 1;
            return;
        }
        let new = || Undecided { why: word, meaning, service, route, times: Times::NONE };
        self.open.entry(key).or_insert_with(new).times.add(seen.at);
    }

    pub(super) fn groups(&self, reasons: bool) -> Vec<&Group> {
        let mut groups: Vec<&Group> =
            self.groups.values().filter(|group| reasons || group.direction != Direction::Reason).collect();
        let key = |group: &Group| {
            let now = (group.was, group.now);
            (
                group.direction,
                std::cmp::Reverse(group.times.count),
                group.service.clone(),
                group.route.clone(),
                now,
            )
        };
        groups.sort_by_cached_key(|group| key(group));
        groups
    }

    pub(super) fn open_groups(&self) -> Vec<&Undecided> {
        let mut groups: Vec<&Undecided> = self.open.values().collect();
        groups.sort_by(|a, b| {
            let key = |group: &'_ Undecided| (std::cmp::Reverse(group.times.count), group.why);
            key(a).cmp(&key(b)).then_with(|| (&a.service, &a.route).cmp(&(&b.service, &b.route)))
        });
        groups
    }
}

/// The service and the route, by the policy where it finds them.
fn names(
    index: &Index,
    seen: &Seen,
    service: Option<&str>,
    route: Option<crate::compile::RouteId>,
) -> (Option<String>, Option<String>) {
    let found = route.and_then(|id| index.route(id));
    let service =
        found.and_then(|route| index.service(route.service)).map(|service| &*service.name).or(service);
    let kept = |text: Option<&str>, then: &Option<String>| text.or(then.as_deref()).map(cut);
    (kept(service, &seen.service), kept(found.map(|route| &*route.text), &seen.route))
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(LONGEST)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}
