//! A walk over all paths at once: every way in which the tries of several
//! policies can tell paths apart, each by one path that shows it.
//!
//! What a path meets is never worked out here: this only sees to it that every
//! kind of path is there once, and the engine's own routing is asked about it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::access::Side;
use super::region::{Piece, Region};
use super::values::Told;
use crate::compile::{Frontier, Route, ServiceId, Steps, Trie};

/// What is walked over.
#[derive(Debug, Default)]
pub(super) struct Walk<'t> {
    courses: Vec<Steps<'t>>,
    /// By depth, the values of parameters that bindings tell apart.
    told: BTreeMap<usize, Told<'t>>,
    /// Whether some service makes sense of encoded slashes, and of `;`.
    odd: (bool, bool),
    loosely: bool,
}

impl<'t> Walk<'t> {
    /// Adds the routes of a service.
    pub(super) fn service(&mut self, side: &Side<'_, 't>, id: ServiceId) {
        let Side { index, told, .. } = side;
        let Some(service) = index.service(id) else { return };
        let routes = || index.routes().filter(|(_, route)| route.service == id);
        // Other spellings matter only where everyone may call a broad route.
        let is_broad = |(_, route): (_, &Route)| {
            route.rule.is_anonymous() && (route.template.rest || route.template.params().next().is_some())
        };
        let loosely = routes().any(is_broad);
        self.loosely |= loosely;
        self.courses.push(Steps::new(&service.trie, loosely));
        self.odd.0 |= service.encoded_slash;
        self.odd.1 |= service.path_parameters;
        if told.is_empty() {
            return;
        }
        for (_, route) in routes() {
            for (depth, name) in route.template.params() {
                if let Some(told) = told.get(name) {
                    self.told.entry(depth).or_default().extend(told);
                }
            }
        }
    }

    /// Adds other templates, so that paths are told apart that only one of them
    /// matches; `loosely` for all their spellings.
    pub(super) fn templates(&mut self, trie: &'t Trie, loosely: bool) {
        self.loosely |= loosely;
        self.courses.push(Steps::new(trie, loosely));
    }

    /// Shows every kind of path.
    pub(super) fn regions(&self, mut visit: impl FnMut(&Region)) {
        let start: Vec<Frontier> = self.courses.iter().map(Steps::start).collect();
        // The broadest paths first: where others stand alike, they speak for them.
        let mut waiting = VecDeque::from([(Region::default(), start)]);
        let mut seen: HashSet<(Vec<Frontier>, Vec<Piece>)> = HashSet::new();
        while let Some((region, frontiers)) = waiting.pop_front() {
            visit(&region);
            if frontiers.iter().all(Frontier::is_settled) {
                continue;
            }
            for (piece, next) in self.steps(region.pieces.len(), &frontiers) {
                let mut longer = region.clone();
                longer.pieces.push(piece);
                // Paths that stand alike go on alike, but for the values that
                // bindings look at.
                let told = longer.pieces.iter().enumerate().filter(|(at, _)| self.told.contains_key(at));
                let told = told.map(|(_, piece)| piece.clone()).collect();
                if seen.insert((next.clone(), told)) {
                    waiting.push_back((longer, next));
                }
            }
        }
    }

    /// The kinds of segments that may come next.
    fn steps(&self, depth: usize, from: &[Frontier]) -> Vec<(Piece, Vec<Frontier>)> {
        let literals: BTreeSet<&str> =
            self.courses.iter().zip(from).flat_map(|(steps, f)| steps.literals(f)).collect();
        let nothing = Told::default();
        let told = self.told.get(&depth).unwrap_or(&nothing);
        let taken = taken(&literals);
        let usual = told.usual(&taken);
        let mut texts: Vec<(String, bool)> = vec![(usual.clone(), false)];
        texts.extend(literals.iter().map(|literal| ((*literal).to_owned(), true)));
        let spellings = literals.iter().flat_map(|literal| self.spellings(literal));
        let odd = self.oddly(&usual);
        let kinds = told.segments(&taken);
        let oddly = kinds.iter().flat_map(|segment| self.oddly(segment)).collect::<Vec<_>>();
        texts.extend(spellings.chain(odd).chain(kinds).chain(oddly).map(|text| (text, false)));
        let mut order: Vec<(Piece, Vec<Frontier>)> = Vec::new();
        let mut known: HashMap<Vec<Frontier>, usize> = HashMap::new();
        for (text, fixed) in texts {
            let next: Vec<Frontier> = self
                .courses
                .iter()
                .zip(from)
                .map(|(steps, frontier)| steps.follow(frontier, &text))
                .collect();
            match known.get(&next).and_then(|at| order.get_mut(*at)) {
                // One of each kind is enough.
                Some((piece, _)) => {
                    let kind = told.kind_of(&text);
                    if piece.values.iter().all(|known| told.kind_of(known) != kind) {
                        piece.values.push(text);
                    }
                }
                None => {
                    known.insert(next.clone(), order.len());
                    order.push((Piece { values: vec![text], fixed }, next));
                }
            }
        }
        order
    }

    /// Texts that some reader might take for a literal.
    fn spellings(&self, literal: &str) -> Vec<String> {
        let mut spellings = self.oddly(literal);
        if self.loosely || self.courses.iter().any(Steps::folds) {
            let upper = literal.to_ascii_uppercase();
            spellings.push(if upper == literal { literal.to_ascii_lowercase() } else { upper });
        }
        if self.loosely {
            spellings.extend([format!("{literal}.json"), format!("{literal}%20")]);
        }
        // Characters that may be written as escapes too.
        if let Some(at) = literal.find(|c: char| "!$&'()*+,=:@".contains(c)) {
            let (before, rest) = literal.split_at_checked(at).unwrap_or((literal, ""));
            let mut rest = rest.chars();
            if let Some(c) = rest.next() {
                spellings.push(format!("{before}%{:02X}{}", u32::from(c), rest.as_str()));
            }
        }
        spellings
    }

    /// The same with what only some services make sense of.
    fn oddly(&self, text: &str) -> Vec<String> {
        let slash = self.odd.0.then(|| format!("{text}%2Fy"));
        let parameter = self.odd.1.then(|| format!("{text};v=1"));
        slash.into_iter().chain(parameter).collect()
    }
}

/// Whether a text is a literal to some reader, or the beginning of one.
fn taken(literals: &BTreeSet<&str>) -> impl Fn(&str) -> bool {
    let lower: HashSet<String> = literals.iter().map(|literal| literal.to_lowercase()).collect();
    let begun: HashSet<String> = lower.iter().flat_map(|text| stems(text)).map(str::to_owned).collect();
    move |text| {
        let text = text.to_lowercase();
        lower.contains(&text) || begun.contains(&text) || stems(&text).any(|stem| lower.contains(stem))
    }
}

/// A text without its extensions.
fn stems(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('.').filter_map(|(dot, _)| text.get(..dot))
}
