//! A diff of two policies says of every request and every caller what is so, and
//! nothing else: random small policies, all requests out of their words by all
//! callers, and the engine asked about each, before and after.

use std::collections::{BTreeMap, BTreeSet};

use doorward::compile::{Bindings, Index};
use doorward::engine::{Decision, Reason};
use doorward::policy::{Method, RequestPath, Segment, Template};
use doorward::review::{Asking, Change, Diff, Kind, Met, Set, Shift, Token, Tokens};
use proptest::prelude::*;

use crate::cases;
use crate::points::{Asked, Points};
use crate::small::{Dice, NOW, Parts, changed, index, lines, text};

/// So many points of a pair of policies are looked at; where there are more, a
/// sample of them.
const MOST: usize = 17_000;

/// Two policies and what is said of them.
struct Pair {
    text: String,
    sides: [Index; 2],
    diff: Diff,
    points: Points,
}

/// Who was seen to gain by a change, or to lose: callers, and peers.
type Seen = BTreeMap<(usize, bool), BTreeSet<(usize, usize)>>;

fn shift(change: &Change, gained: bool) -> Option<&Shift> {
    if gained { change.gained.as_ref() } else { change.lost.as_ref() }
}

impl Pair {
    fn new(old: &[String], new: &[String], of: &Parts) -> Option<Self> {
        let (old, new) = (text(old), text(new));
        let sides = [index(&old)?, index(&new)?];
        let [before, now] = &sides;
        let diff = Diff::new(before, now, of.tokens(), NOW).unwrap();
        let mut points = Points::new(of, &format!("{old}{new}"));
        for change in &diff.changes {
            for shift in [&change.gained, &change.lost].into_iter().flatten() {
                change.asks.iter().for_each(|asking| points.with(&shift.witness, *asking));
                for set in shift.who.sets.iter().filter(|set| set.peer.is_some()) {
                    let mut witness = shift.witness.clone();
                    witness.peer.clone_from(&set.peer);
                    change.asks.iter().for_each(|asking| points.with(&witness, *asking));
                }
            }
        }
        Some(Self { text: format!("--- old\n{old}--- new\n{new}"), sides, diff, points })
    }

    /// The changes that are about what was asked, if it meets this on each side.
    fn about(&self, asked: &Asked, decisions: &[Decision; 2], gained: bool) -> Vec<usize> {
        let is_about = |change: &Change| {
            shift(change, gained).is_some()
                && change.asks.contains(&self.asking(change, asked, decisions))
                && self.is_of_service(change, asked, decisions)
                && leads_there(change, asked)
        };
        self.diff.changes.iter().enumerate().filter(|(_, c)| is_about(c)).map(|(at, _)| at).collect()
    }

    /// How a service is asked: where it does not answer preflights, they are requests
    /// like others.
    fn asking(&self, change: &Change, asked: &Asked, decisions: &[Decision; 2]) -> Asking {
        let answers = self.sides.iter().zip(decisions).any(|(side, decision)| {
            let named = change.service.as_ref().map(|name| side.service_named(name));
            let service = named.unwrap_or(decision.service).and_then(|id| side.service(id));
            service.is_some_and(|service| service.cors_preflight)
        });
        match asked.asking {
            Asking::Preflight(_) if !answers => Asking::Method(Method::Options),
            asking => asking,
        }
    }

    fn is_of_service(&self, change: &Change, asked: &Asked, decisions: &[Decision; 2]) -> bool {
        let names = [0, 1].map(|side: usize| {
            let id = decisions[side].service?;
            self.sides[side].service(id).map(|service| service.name.to_string())
        });
        let meets = |side: usize, met: &Met| {
            let is_it = is_met(met, &decisions[side], &self.sides[side]);
            match change.service.is_some() {
                true => is_it || names[side] != change.service,
                false => is_it && names[side] == met.service,
            }
        };
        let named = match (&asked.service, &change.service) {
            (Some(asked), told) => Some(asked) == told.as_ref(),
            (None, Some(told)) => names.iter().flatten().any(|name| name == told),
            (None, None) => true,
        };
        named && meets(0, &change.old) && meets(1, &change.new)
    }

    /// Whether bindings give the same to two users, or two groups, on both sides.
    fn are_alike(&self, of: impl for<'i> Fn(&'i Index) -> [Option<&'i Bindings>; 2]) -> bool {
        self.sides.iter().all(|index| {
            let given = of(index).map(|bindings| {
                let bounds = bindings.into_iter().flat_map(Bindings::bounds);
                let words = bounds.map(|bound| {
                    let scope = bound.scope.as_ref().map(|scope| {
                        let moment = |m: &Option<doorward::policy::Moment>| m.as_ref().map(|m| m.at);
                        (&scope.on, moment(&scope.window.from), moment(&scope.window.until))
                    });
                    format!("{:?} {scope:?}", bound.role)
                });
                words.collect::<BTreeSet<String>>()
            });
            given[0] == given[1]
        })
    }

    /// Whether a caller holds what a set says, and is who it says.
    fn covers(&self, set: &Set, token: Option<&Token>, peer: Option<&str>) -> bool {
        let Some(token) = token else { return set.peer.is_some() && peer.is_some() };
        let alike_users = |a: &str, b: &str| {
            a == b || self.are_alike(|index| [index.given_to_user(a), index.given_to_user(b)])
        };
        let alike_groups = |a: &str, b: &str| {
            a == b || self.are_alike(|index| [index.given_to_group(a), index.given_to_group(b)])
        };
        set.peer.is_none()
            && set.user.as_ref().is_none_or(|user| alike_users(user, &token.user))
            && set.roles.iter().all(|role| token.roles.contains(role))
            && set.codes.iter().all(|code| token.codes.contains(code))
            && set.groups.iter().all(|group| token.groups.iter().any(|other| alike_groups(group, other)))
    }

    /// Asks about all points; `None` for what was seen if those were too many.
    fn look(&self, dice: &mut Dice) -> Result<(Seen, bool), TestCaseError> {
        let Self { text, sides, diff, points } = self;
        let known = sides.each_ref().map(|side| points.known(side));
        let (numbers, all) = points.numbers(dice, MOST);
        let mut seen = Seen::new();
        for at in numbers {
            let decisions = [0, 1].map(|side: usize| points.decide(&sides[side], &known[side], at));
            let [before, now] = decisions.each_ref().map(|decision| decision.reason.is_allowed());
            if before == now {
                continue;
            }
            let [a, s, c] = at;
            let about = self.about(&points.asked[a], &decisions, now);
            let told = || {
                let witness = points.witness(at);
                format!(
                    "{text}\n({before} -> {now}): {witness:#?}\n{:#?}\n{diff:#?}",
                    points.callers[c].claims
                )
            };
            prop_assert!(!about.is_empty(), "not told {}", told());
            let (token, peer) = (points.callers[c].token.as_ref(), points.settings[s].peer.as_deref());
            let is_told = |at: &usize| {
                let who = &shift(&diff.changes[*at], now).unwrap().who;
                who.anyone || who.more > 0 || who.sets.iter().any(|set| self.covers(set, token, peer))
            };
            // What only scopes make a difference for is told where nothing else is.
            if token.is_none_or(|token| token.scopes.is_none()) {
                prop_assert!(about.iter().any(is_told), "of others alone is told {}", told());
            }
            // By host and path it may have come from another service.
            let is_its = |at: &usize| diff.changes[*at].service == points.asked[a].service;
            for change in about.into_iter().filter(is_its) {
                seen.entry((change, now)).or_default().insert((c, s));
            }
        }
        Ok((seen, all))
    }

    /// What is told has been seen, the smallest sets are enough, and less is not.
    fn was_seen(&self, seen: &Seen) -> Result<(), TestCaseError> {
        let Self { text, diff, points, .. } = self;
        for (number, change) in diff.changes.iter().enumerate() {
            for gained in [true, false] {
                let Some(shift) = shift(change, gained) else { continue };
                // These are true of the same callers on both sides, or can't be made so.
                if shift.who.besides.conditions.iter().any(|text| text.contains("user.roles")) {
                    continue;
                }
                let told = || format!("{text}\n{change:#?}");
                let Some(seen) = seen.get(&(number, gained)) else {
                    prop_assert!(false, "nobody gains {}", told());
                    continue;
                };
                let callers: Vec<_> = seen
                    .iter()
                    .map(|(c, s)| (points.callers[*c].token.as_ref(), points.settings[*s].peer.as_deref()))
                    .collect();
                let anyone = callers.contains(&(None, None));
                prop_assert_eq!(shift.who.anyone, anyone, "anyone? {}", told());
                if anyone || shift.who.more > 0 {
                    continue;
                }
                let limits = callers.iter().all(|(token, _)| token.is_none_or(|t| t.scopes.is_some()));
                let plain: Vec<_> = callers
                    .iter()
                    .filter(|(token, _)| token.is_none_or(|token| limits || token.scopes.is_none()))
                    .collect();
                for set in &shift.who.sets {
                    prop_assert!(
                        plain.iter().any(|caller| is(set, caller)),
                        "not enough {set:#?}\n{}",
                        told()
                    );
                    let less = plain.iter().find(|caller| is_less(set, caller));
                    prop_assert!(
                        less.is_none() || !self.is_alone(number, gained),
                        "{less:#?} is enough\n{}",
                        told()
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether no other change is told of requests that meet the same.
    fn is_alone(&self, number: usize, gained: bool) -> bool {
        let change = &self.diff.changes[number];
        let others = self.diff.changes.iter().enumerate().filter(|(at, _)| *at != number);
        !others.map(|(_, other)| other).any(|other| {
            shift(other, gained).is_some()
                && other.asks.iter().any(|asking| change.asks.contains(asking))
                && (&other.old.place, &other.new.place) == (&change.old.place, &change.new.place)
        })
    }
}

/// A caller is this, and no more.
fn is(set: &Set, (token, peer): &(Option<&Token>, Option<&str>)) -> bool {
    let Some(token) = token else { return set.peer.is_some() && set.peer.as_deref() == *peer };
    set.peer.is_none()
        && set.user.as_deref().unwrap_or("sam") == token.user
        && (&set.roles, &set.groups, &set.codes) == (&token.roles, &token.groups, &token.codes)
}

/// A caller has some of this, and no more.
fn is_less(set: &Set, (token, _): &(Option<&Token>, Option<&str>)) -> bool {
    let Some(token) = token else { return false };
    let held = |token: &Token| token.roles.len() + token.groups.len() + token.codes.len();
    let all = set.roles.len() + set.groups.len() + set.codes.len();
    set.peer.is_none()
        && set.user.as_deref().unwrap_or("sam") == token.user
        && token.roles.iter().all(|role| set.roles.contains(role))
        && token.groups.iter().all(|group| set.groups.contains(group))
        && token.codes.iter().all(|code| set.codes.contains(code))
        && held(token) < all
}

fn is_met(met: &Met, decision: &Decision, index: &Index) -> bool {
    match decision.route.and_then(|id| index.route(id)) {
        Some(route) => met.place.as_ref() == Some(&route.place),
        // Whatever it would meet on another host.
        None if decision.reason == Reason::ServiceUnknown => true,
        None => met.route.is_none(),
    }
}

fn leads_there(change: &Change, asked: &Asked) -> bool {
    let path = RequestPath::parse(&asked.path).unwrap();
    change.paths.iter().any(|shape| matches(shape, &path))
}

fn matches(shape: &str, path: &RequestPath<'_>) -> bool {
    let template = Template::parse(shape).unwrap_or(Template { segments: Vec::new(), rest: true });
    let long_enough = path.len() >= template.segments.len();
    long_enough
        && (template.rest || path.len() == template.segments.len())
        && template.segments.iter().zip(path.segments()).all(|(segment, text)| match segment {
            // Other spellings stand for all of their kind.
            Segment::Literal(literal) => {
                **literal == *text || literal.to_lowercase().get(..1) == text.to_lowercase().get(..1)
            }
            Segment::Param(_) => true,
        })
}

/// Two policies; most of what is thrown together makes none.
fn pair(dice: &mut Dice) -> Option<Pair> {
    (0..50).find_map(|_| {
        // Now and then everything at once: nothing is left out for being of two kinds.
        let of = if dice.one_in(5) { Parts::all() } else { Parts::few(dice) };
        let before = lines(dice, &of);
        index(&text(&before))?;
        let after = if dice.one_in(4) { lines(dice, &of) } else { changed(&before, dice, &of) };
        Pair::new(&before, &after, &of)
    })
}

fn check(seed: u64) -> Result<(), TestCaseError> {
    let mut dice = Dice::new(seed);
    let Some(pair) = pair(&mut dice) else { return Ok(()) };
    let Pair { text, diff, .. } = &pair;
    let doubtful = diff.unconfirmed().next();
    prop_assert!(doubtful.is_none(), "{text}\nnot confirmed: {doubtful:#?}");
    for change in &diff.changes {
        let shifts = [&change.gained, &change.lost].into_iter().flatten();
        let nobody = shifts.filter(|shift| shift.who.is_nobody()).count();
        prop_assert_eq!(nobody, 0, "{}\nnobody gains or loses: {:#?}", text, change);
        prop_assert_eq!(change.kind == Kind::EffectsOnly, change.gained.is_none() && change.lost.is_none());
    }
    let (seen, all) = pair.look(&mut dice)?;
    if all { pair.was_seen(&seen) } else { Ok(()) }
}

proptest! {
    #![proptest_config(cases(50))]

    #[test]
    fn a_diff_tells_every_change_and_nothing_else(seed: u64) {
        check(seed)?;
    }

    #[test]
    fn the_same_in_other_words_is_no_change(seed: u64) {
        let mut dice = Dice::new(seed);
        let mut lines = lines(&mut dice, &Parts::all());
        let Some(old) = index(&text(&lines)) else { return Ok(()) };
        let words: BTreeSet<&str> = ["role", "bind", "netw", "rout"].into();
        for _ in 0..20 {
            let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
            let kind = |at: usize| lines.get(at).and_then(|line: &String| line.get(..4)).unwrap();
            if words.contains(kind(a)) && kind(a) == kind(b) {
                lines.swap(a, b);
            }
        }
        let new = index(&text(&lines)).unwrap();
        let diff = Diff::new(&old, &new, Tokens::ANY, NOW).unwrap();
        prop_assert!(diff.changes.is_empty(), "{}\n{diff:#?}", text(&lines));
    }
}
