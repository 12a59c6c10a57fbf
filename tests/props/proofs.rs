//! What is proved of a policy is so, and what is refuted is not: random invariants
//! of random small policies, and all requests and callers out of their words; who
//! can make a request, and nobody with less.

use std::collections::BTreeSet;

use doorward::compile::{Bindings, Bound, Bounds, Index, Occasion, RoleId, Rule, compile};
use doorward::diag::{Report, Sources};
use doorward::engine::{Decision, Reason, service_of};
use doorward::policy::invariant::{Callers, Invariant, Line, Says};
use doorward::policy::{
    Method, Need, Policy, RequestPath, Segment, SpiffeId, Template, decode_segment, read_texts,
};
use doorward::review::invariants::{Breach, Outcome, prove};
use doorward::review::who_can::{Answer, Question, Way, who_can};
use doorward::review::{Asking, Token, Witness};
use proptest::prelude::*;

use crate::cases;
use crate::points::{Points, is_meant};
use crate::small::{Dice, NOW, Part, Parts, index, lines, list, text};

/// So many points of a policy are looked at; where there are more, a sample.
const MOST: usize = 17_000;

fn callers(dice: &mut Dice, of: &Parts, only: bool) -> String {
    if !only && dice.one_in(6) {
        return (*dice.of(&["anyone", "anonymous", "authenticated"])).to_owned();
    }
    if only && dice.one_in(6) {
        return "authenticated".to_owned();
    }
    let need = |dice: &mut Dice, names: &[&str]| match dice.below(3) {
        0 => format!("'{}'", dice.of(names)),
        kind => {
            let some = dice.some(names, 2);
            let some = if some.is_empty() { names.to_vec() } else { some };
            format!("{{ {}: {} }}", if kind == 1 { "any" } else { "all" }, list(&some))
        }
    };
    let mut parts = Vec::new();
    if dice.one_in(2) {
        parts.push(format!("roles: {}", need(dice, of.roles())));
    }
    if dice.one_in(4) {
        parts.push(format!("codes: {}", need(dice, of.codes())));
    }
    if of.has(Part::Groups) && dice.one_in(2) {
        parts.push(format!("groups: {}", need(dice, &["g1", "g2"])));
    }
    if of.users() && dice.one_in(2) {
        parts.push((*dice.of(&["users: u1", "users: [u1, u2]"])).to_owned());
    }
    if of.has(Part::Peers) && dice.one_in(2) {
        let peers = ["peers: 'spiffe://t/ns/*/x'", "peers: 'spiffe://t/*'", "peers: 'spiffe://t/other'"];
        parts.push((*dice.of(&peers)).to_owned());
    }
    if parts.is_empty() {
        parts.push(format!("roles: {}", need(dice, of.roles())));
    }
    if !only && dice.one_in(4) {
        parts.push("besides: nothing".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}

fn line(dice: &mut Dice, of: &Parts) -> String {
    let mut path = String::new();
    for at in 0..dice.below(3) {
        match dice.one_in(3) {
            true => path.push_str(&format!("/{{n{at}}}")),
            false => path.push_str(&format!("/{}", dice.of(of.segments()))),
        }
    }
    if path.is_empty() || dice.one_in(2) {
        path.push_str("/**");
    }
    format!("'{} {path}'", dice.of(&["GET", "POST", "ANY", "ANY", "GET,POST", "GRPC", "OPTIONS,DELETE"]))
}

pub(crate) fn invariant(dice: &mut Dice, of: &Parts, routes: &[String], name: usize) -> String {
    let one = |dice: &mut Dice| match dice.one_in(3) {
        true => format!("'{}'", dice.of(routes)),
        false => line(dice, of),
    };
    let some = |dice: &mut Dice| (0..1 + dice.below(2)).map(|_| one(dice)).collect::<Vec<_>>().join(", ");
    let mut parts = vec![format!("name: i{name}")];
    let says = *dice.of(&["only", "never", "never", "always", "public_is_exactly"]);
    if says == "public_is_exactly" {
        parts.push(format!("{says}: [{}]", some(dice)));
    } else {
        parts.push(format!("{says}: {}", callers(dice, of, says == "only")));
        parts.push(format!("may: [{}]", some(dice)));
        if dice.one_in(4) {
            parts.push(format!("except: [{}]", some(dice)));
        }
        if of.has(Part::Networks) && dice.one_in(2) {
            parts.push((*dice.of(&["ip: { allow: net }", "ip: { deny: [10.1.0.0/16] }"])).to_owned());
        }
        if dice.one_in(4) {
            parts.push((*dice.of(&["conditions: hold", "conditions: fail"])).to_owned());
        }
    }
    if dice.one_in(3) {
        parts.push("service: s".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}

/// A policy with everything that it says.
pub(crate) fn compiled(text: &str) -> Option<(Index, Policy, Sources)> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report)?;
    let index = compile(&policy, &sources, &mut report)?;
    Some((index, policy, sources))
}

fn bounds(bindings: Option<&Bindings>) -> Vec<&Bound> {
    bindings.map_or_else(Vec::new, |bindings| {
        bindings.always.iter().chain(bindings.scoped.iter().flat_map(|scoped| scoped.bounds())).collect()
    })
}

/// What somebody holds on a request, counted one by one.
struct Held {
    given: BTreeSet<RoleId>,
    token: BTreeSet<String>,
    scopes: Option<Vec<String>>,
}

impl Held {
    fn new(index: &Index, request: &Witness, route: Option<&Template>, path: &RequestPath<'_>) -> Self {
        let mut all: Vec<&Bound> = Vec::new();
        let mut given = BTreeSet::new();
        match &request.token {
            Some(token) => {
                given.extend(token.roles.iter().filter_map(|role| index.role_named(role)));
                all.extend(bounds(index.given_to_user(&token.user)));
                token.groups.iter().for_each(|group| all.extend(bounds(index.given_to_group(group))));
            }
            None => {
                let peer = request.peer.as_deref().and_then(SpiffeId::parse);
                peer.into_iter()
                    .flat_map(|peer| index.given_to_peer(peer))
                    .for_each(|b| all.extend(bounds(Some(b))));
            }
        }
        let nowhere = Template { segments: Vec::new(), rest: true };
        let occasion = Occasion { template: route.unwrap_or(&nowhere), path, now: request.at };
        let counts = |bound: &&&Bound| bound.scope.as_ref().is_none_or(|scope| scope.holds(occasion));
        given.extend(all.iter().filter(counts).map(|bound| bound.role));
        let token = request.token.as_ref();
        Self {
            given,
            token: token.map_or_else(BTreeSet::new, |token| token.codes.iter().cloned().collect()),
            scopes: token.and_then(|token| token.scopes.clone()),
        }
    }

    fn has_role(&self, index: &Index, name: &str) -> bool {
        let number = index.role_named(name).unwrap().number();
        self.given.iter().any(|role| index.role(*role).unwrap().closure.contains(number))
    }

    fn has_code(&self, index: &Index, name: &str) -> bool {
        let number = index.code_named(name).unwrap().number();
        let some = |of: fn(&doorward::compile::Role) -> &doorward::compile::BitSet| {
            self.given.iter().any(|role| of(index.role(*role).unwrap()).contains(number))
        };
        (self.token.contains(name) || some(|role| &role.granted))
            && !some(|role| &role.denied)
            && self.scopes.as_ref().is_none_or(|scopes| scopes.iter().any(|scope| scope == name))
    }
}

fn holds<T: std::fmt::Display>(need: Option<&Need<T>>, has: impl Fn(&str) -> bool) -> bool {
    match need {
        None => true,
        Some(Need::Any(names)) => names.iter().any(|name| has(&name.value.to_string())),
        Some(Need::All(names)) => names.iter().all(|name| has(&name.value.to_string())),
    }
}

fn is_one_of(index: &Index, callers: &Callers, bounds: &Bounds, request: &Witness, held: &Held) -> bool {
    let callers = match callers {
        Callers::Anyone => return true,
        Callers::Anonymous => return request.token.is_none() && request.peer.is_none(),
        Callers::Authenticated => return request.token.is_some(),
        Callers::Holders(callers) => callers,
    };
    let token = request.token.as_ref();
    let in_group = |name: &str| token.is_some_and(|token| token.groups.iter().any(|group| group == name));
    let is_user = |name: &str| token.is_some_and(|token| token.user == name);
    let listed: Vec<&str> =
        callers.roles.iter().flat_map(Need::names).map(|role| role.value.as_str()).collect();
    let within = |role: &RoleId| {
        listed.iter().any(|name| {
            let listed = index.role(index.role_named(name).unwrap()).unwrap();
            listed.closure.contains(role.number())
        })
    };
    let codes: Vec<&str> =
        callers.codes.iter().flat_map(Need::names).map(|code| code.value.as_str()).collect();
    holds(callers.roles.as_ref(), |name| held.has_role(index, name))
        && holds(callers.codes.as_ref(), |name| held.has_code(index, name))
        && holds(callers.groups.as_ref(), in_group)
        && callers.users.as_ref().is_none_or(|users| users.iter().any(|user| is_user(user.value.as_str())))
        && bounds.peers.as_ref().is_none_or(|rule| {
            request.peer.as_deref().and_then(SpiffeId::parse).is_some_and(|id| rule.admits(id).is_some())
        })
        && (!callers.alone
            || (held.given.iter().all(within)
                && held.token.iter().all(|code| codes.contains(&code.as_str()) || !is_known(index, code))))
}

/// A code that the policy does not know gives nothing.
fn is_known(index: &Index, code: &str) -> bool {
    index.code_named(code).is_some()
}

fn matches(template: &Template, path: &RequestPath<'_>, fold: bool, loosely: bool) -> bool {
    let same = |a: &str, b: &str| a == b || (fold && a.eq_ignore_ascii_case(b));
    let plain = |text: &str| decode_segment(text).split([';', '/']).next().unwrap().to_owned();
    let one = |(segment, text): (&Segment, &str)| match segment {
        Segment::Param(_) => true,
        Segment::Literal(literal) => same(literal, text) || (loosely && same(literal, &plain(text))),
    };
    path.len() >= template.segments.len()
        && (template.rest || path.len() == template.segments.len())
        && template.segments.iter().zip(path.segments()).all(one)
}

/// Whether a request breaks an invariant; `None` where that is not to be said.
fn breaks(
    index: &Index,
    invariant: &Invariant,
    bounds: &Bounds,
    (request, decision): (&Witness, &Decision),
    asking: Asking,
) -> Option<bool> {
    let Asking::Method(method) = asking else { return Some(false) };
    let path = RequestPath::parse(&request.path).ok()?;
    let Ok((id, service)) = service_of(index, request.service.as_deref(), &request.host, &path) else {
        return Some(false);
    };
    if invariant.service.as_ref().is_some_and(|only| only.value.as_str() != &*service.name) {
        return Some(false);
    }
    let route = decision.route.and_then(|id| index.route(id));
    let allowed = decision.reason.is_allowed();
    let fold = service.trie.folds();
    if invariant.says.value == Says::Public {
        let anonymous = allowed && request.token.is_none() && request.peer.is_none();
        let listed = |line: &Line| {
            let route = &route.unwrap().template;
            let shape = |template: &Template| -> Vec<Option<String>> {
                let text = |segment: &Segment| match segment {
                    Segment::Literal(text) if fold => Some(text.to_lowercase()),
                    Segment::Literal(text) => Some(text.to_string()),
                    Segment::Param(_) => None,
                };
                template.segments.iter().map(text).collect()
            };
            line.methods.contains(method)
                && line.template.rest == route.rest
                && shape(&line.template) == shape(route)
        };
        return Some(anonymous && !invariant.requests.iter().any(listed));
    }
    let (is_always, callers) = match &invariant.says.value {
        Says::Always(callers) => (true, callers),
        Says::Only(callers) | Says::Never(callers) => (false, callers),
        Says::Public => return None,
    };
    let named = |lines: &[Line], loosely: bool| {
        lines
            .iter()
            .any(|line| line.methods.contains(method) && matches(&line.template, &path, fold, loosely))
    };
    let about = named(&invariant.requests, !is_always) && !named(&invariant.except, false);
    let from = bounds.ip.as_ref().is_none_or(|rule| rule.admits(request.source));
    if !about || !from {
        return Some(false);
    }
    // What conditions are taken to be, only a caller shows of whom they are that.
    let when = route.is_some_and(|route| matches!(&route.rule, Rule::Needs { when: Some(_), .. }));
    let fails = matches!(decision.reason, Reason::ConditionFalse | Reason::ConditionError);
    match invariant.conditions {
        Some(true) if fails => return Some(false),
        Some(false) if when && allowed => return Some(false),
        _ => {}
    }
    let held = Held::new(index, request, route.map(|route| &*route.template), &path);
    let whom = is_one_of(index, callers, bounds, request, &held);
    Some(match &invariant.says.value {
        Says::Only(_) => allowed && !whom,
        Says::Never(_) => allowed && whom,
        Says::Always(_) => {
            let unreadable = matches!(decision.reason, Reason::PathAmbiguous | Reason::RequestMalformed);
            let chosen = service_of(index, None, &request.host, &path).is_ok_and(|(chosen, _)| chosen == id);
            let usual = !request.websocket
                && request.token.as_ref().is_none_or(|token| {
                    token.scopes.is_none()
                        && token.audiences.as_ref().is_none_or(|audiences| is_meant(audiences, service))
                        && token.audiences.as_ref().is_none_or(|a| a.len() == 2)
                });
            whom && !allowed && !unreadable && usual && (invariant.service.is_some() || chosen)
        }
        Says::Public => return None,
    })
}

fn asking(witness: &Witness) -> Asking {
    Asking::Method(match witness.method.as_str() {
        "GRPC" => Method::Grpc,
        name => Method::of_request(name).unwrap(),
    })
}

fn check_invariants(seed: u64) -> Result<(), TestCaseError> {
    let mut dice = Dice::new(seed);
    let of = if dice.one_in(5) { Parts::all() } else { Parts::few(&mut dice) };
    let policy = text(&lines(&mut dice, &of));
    let Some(index) = index(&policy) else { return Ok(()) };
    let routes: Vec<String> = index.routes().map(|(_, route)| route.text.to_string()).collect();
    let invariants: Vec<String> =
        (0..2 + dice.below(4)).map(|at| invariant(&mut dice, &of, &routes, at)).collect();
    // One that names what this policy lacks goes alone.
    let fine = |one: &&String| compiled(&format!("{policy}invariants:\n  - {one}\n")).is_some();
    let invariants: Vec<&String> = invariants.iter().filter(fine).collect();
    if invariants.is_empty() {
        return Ok(());
    }
    let mut text = format!("{policy}invariants:\n");
    invariants.iter().for_each(|one| text.push_str(&format!("  - {one}\n")));
    let (index, policy, sources) = compiled(&text).unwrap();
    let outcomes = prove(&index, &policy, &sources, of.tokens(), NOW).unwrap();
    prop_assert_eq!(outcomes.len(), invariants.len());
    let bounds = Bounds::of(&policy, &sources);
    let mut points = Points::new(&of, &text);
    for found in outcomes.iter().flat_map(Outcome::counterexamples) {
        points.with(&found.witness, asking(&found.witness));
    }
    let known = points.known(&index);
    let (numbers, all) = points.numbers(&mut dice, MOST);
    let decided: Vec<([usize; 3], Decision)> =
        numbers.into_iter().map(|at| (at, points.decide(&index, &known, at))).collect();
    for ((invariant, outcome), bounds) in policy.invariants.iter().zip(&outcomes).zip(&bounds) {
        confirmed(&index, invariant, outcome, bounds, &text)?;
        let is_always = matches!(invariant.says.value, Says::Always(_));
        let mut is_broken = false;
        for (at, decision) in &decided {
            if decision.reason.is_allowed() == is_always {
                continue;
            }
            let (request, asking) = (points.witness(*at), points.asked[at[0]].asking);
            let broken = breaks(&index, invariant, bounds, (&request, decision), asking);
            if broken != Some(true) {
                continue;
            }
            is_broken = true;
            prop_assert!(!outcome.holds(), "{text}\n{} is broken by {request:#?}", outcome.sentence);
            // Every way to break it is told, not only the first.
            let route = decision.route.and_then(|id| index.route(id)).map(|route| route.text.to_string());
            let told = outcome.counterexamples().any(|found| found.met.route == route);
            prop_assert!(told, "{text}\n{request:#?} is not among {outcome:#?}");
        }
        // A condition that asks for a role is not free to be true of whoever lacks it.
        let is_free = |found: &doorward::review::invariants::Counterexample| {
            !found.witness.conditions.iter().any(|(text, _)| text.contains("user.roles"))
        };
        let requests = outcome.counterexamples().count();
        if all && requests > 0 && outcome.counterexamples().all(is_free) {
            prop_assert!(is_broken, "{text}\nnothing breaks {outcome:#?}");
        }
        for breach in &outcome.breaches {
            let Breach::NotPublic { line, methods, .. } = breach else { continue };
            let line = invariant.requests.iter().find(|one| *one.text == **line).unwrap();
            let public = decided.iter().find(|(at, decision)| {
                let (request, asking) = (points.witness(*at), points.asked[at[0]].asking);
                let Asking::Method(method) = asking else { return false };
                let only = Invariant { requests: vec![line.clone()], ..invariant.clone() };
                let is_anonymous =
                    decision.reason.is_allowed() && request.token.is_none() && request.peer.is_none();
                methods.contains(method)
                    && is_anonymous
                    && is_concerned(&index, invariant, decision)
                    && breaks(&index, &only, bounds, (&request, decision), asking) == Some(false)
            });
            prop_assert!(public.is_none(), "{text}\n{line:?} is public: {outcome:#?}");
        }
    }
    Ok(())
}

/// Whether a request is for the service that an invariant is about.
fn is_concerned(index: &Index, invariant: &Invariant, decision: &Decision) -> bool {
    let service = decision.service.and_then(|id| index.service(id));
    let is_it = |only: &str| service.is_some_and(|service| *service.name == *only);
    invariant.service.as_ref().is_none_or(|only| is_it(only.value.as_str()))
}

/// What is said to break an invariant does.
fn confirmed(
    index: &Index,
    invariant: &Invariant,
    outcome: &Outcome,
    bounds: &Bounds,
    text: &str,
) -> Result<(), TestCaseError> {
    for found in outcome.counterexamples() {
        let witness = &found.witness;
        if !witness.conditions.is_empty() {
            prop_assert!(!found.confirmed);
            continue;
        }
        prop_assert!(found.confirmed, "{text}\nnot confirmed: {outcome:#?}");
        let decision = witness.decide(index);
        let broken = breaks(index, invariant, bounds, (witness, &decision), asking(witness));
        prop_assert!(broken != Some(false), "{text}\nbreaks nothing: {outcome:#?}");
    }
    Ok(())
}

const SOURCES: [Option<&str>; 5] =
    [None, Some("10.1.2.3"), Some("10.200.0.1"), Some("192.0.2.9"), Some("203.0.113.1")];
const PEERS: [Option<&str>; 8] = [
    None,
    Some("spiffe://t/ns/a/x"),
    Some("spiffe://t/ns/b/x"),
    Some("spiffe://t/ns/b"),
    Some("spiffe://t/other"),
    Some("spiffe://t/y"),
    Some("spiffe://elsewhere/y"),
    Some("spiffe://o/y"),
];

/// Whether such a caller can, from any address and over any connection.
fn can(index: &Index, request: &Witness, user: &str, way: &Way) -> bool {
    let token = way.peer.is_none().then(|| Token {
        user: user.to_owned(),
        roles: way.roles.clone(),
        groups: way.groups.iter().map(|alike| alike.last().unwrap().clone()).collect(),
        codes: way.codes.clone(),
        scopes: None,
        audiences: Some(vec![None, Some("aud".to_owned())]),
    });
    SOURCES.iter().any(|source| {
        let peers: Vec<Option<String>> = match &way.peer {
            Some(peer) => vec![Some(peer.clone())],
            None => PEERS.iter().map(|peer| peer.map(str::to_owned)).collect(),
        };
        peers.into_iter().any(|peer| {
            let source = source.map(|source| source.parse().unwrap());
            let asked = Witness { token: token.clone(), peer, source, websocket: false, ..request.clone() };
            asked.decide(index).reason.is_allowed()
        })
    })
}

/// All that are a little less.
fn less(way: &Way) -> Vec<Way> {
    let mut less = Vec::new();
    for at in 0..way.roles.len() {
        let mut one = way.clone();
        one.roles.remove(at);
        less.push(one);
    }
    for at in 0..way.groups.len() {
        let mut one = way.clone();
        one.groups.remove(at);
        less.push(one);
    }
    for at in 0..way.codes.len() {
        let mut one = way.clone();
        one.codes.remove(at);
        less.push(one);
    }
    less
}

fn is_way(answer: &Answer, request: &Witness) -> bool {
    let Some(token) = &request.token else {
        return answer.anyone || (request.peer.is_some() && answer.ways.iter().any(|way| way.peer.is_some()));
    };
    answer.anyone
        || answer.ways.iter().filter(|way| way.peer.is_none()).any(|way| {
            (way.users.is_empty() || way.users.contains(&token.user))
                && way.roles.iter().all(|role| token.roles.contains(role))
                && way.codes.iter().all(|code| token.codes.contains(code))
                && way.groups.iter().all(|alike| alike.iter().any(|group| token.groups.contains(group)))
        })
}

fn check_who_can(seed: u64, requests: usize) -> Result<(), TestCaseError> {
    let mut dice = Dice::new(seed);
    let of = if dice.one_in(3) { Parts::all() } else { Parts::few(&mut dice) };
    let policy = text(&lines(&mut dice, &of));
    let Some(index) = index(&policy) else { return Ok(()) };
    let points = Points::new(&of, &policy);
    let known = points.known(&index);
    for at in points.numbers(&mut dice, requests).0 {
        let request = points.witness(at);
        let asked = &points.asked[at[0]];
        if asked.websocket || matches!(asked.asking, Asking::Preflight(_)) {
            continue;
        }
        let question = Question {
            method: &request.method,
            host: &request.host,
            path: &request.path,
            service: request.service.as_deref(),
            at: request.at,
        };
        let answer = who_can(&index, of.tokens(), question).unwrap();
        let told = || format!("{policy}\n{request:#?}\n{answer:#?}");
        prop_assert_eq!(answer.nobody.is_some(), !answer.is_somebody(), "{}", told());
        if points.decide(&index, &known, at).reason.is_allowed() {
            prop_assert!(is_way(&answer, &request), "{}", told());
        }
        let is_conditional = answer.asks.iter().any(|ask| ask.what.starts_with("that `"));
        for way in answer.ways.iter().filter(|_| !is_conditional) {
            let users = if way.users.is_empty() { vec!["somebody".to_owned()] } else { way.users.clone() };
            for user in &users {
                prop_assert!(can(&index, &request, user, way), "{way:?} as {user} can't\n{}", told());
                for less in less(way) {
                    prop_assert!(!can(&index, &request, user, &less), "{less:?} is enough\n{}", told());
                }
            }
            if !way.users.is_empty() {
                prop_assert!(!can(&index, &request, "somebody", way), "{way:?} needs no user\n{}", told());
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn what_is_proved_is_so_and_what_is_refuted_is_not(seed: u64) {
        check_invariants(seed)?;
    }

    #[test]
    fn who_can_is_who_can_and_nobody_with_less(seed: u64) {
        check_who_can(seed, 25)?;
    }
}
