//! The walk over one policy that looks for what breaks its invariants.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::callers::{anonymous, whom};
use super::requests::{Reading, has_spellings};
use super::search::Search;
use super::{Breach, Counterexample, Outcome, callers};
use crate::compile::{Bounds, Index, Service, ServiceId, Trie};
use crate::engine::{Reason, service_of};
use crate::policy::invariant::{Invariant, Says};
use crate::policy::{Method, MethodSet, Policy, RequestPath, Template};
use crate::review::access::Side;
use crate::review::compare::Where;
use crate::review::diff::Met;
use crate::review::hosts::answered;
use crate::review::logic::{Function, TooComplex, Variable, given, support};
use crate::review::outcome::{Reached, reached, verdict};
use crate::review::region::Region;
use crate::review::walk::Walk;
use crate::review::witness::{Asking, Witness};
use crate::review::world::World;

/// One policy and its invariants.
pub(super) struct Prover<'w, 'i> {
    world: &'w World<'i>,
    side: Side<'w, 'i>,
    index: &'i Index,
    policy: &'i Policy,
    bounds: &'i [Bounds],
    search: Search<'i>,
    /// What was found out of each invariant.
    found: Vec<Found>,
}

/// What was found out of one invariant.
#[derive(Default)]
struct Found {
    breaches: BTreeMap<(ServiceId, Reached), Counterexample>,
    /// Routes that are known to be fine.
    fine: HashSet<(ServiceId, Reached)>,
    /// Lines that some anonymous request meets, by their numbers, and how.
    public: BTreeMap<usize, MethodSet>,
    /// Whether there is any request of which it speaks.
    speaks: bool,
    is_answered: bool,
}

/// Requests to one service that meet the same.
struct Meeting<'a> {
    id: ServiceId,
    service: &'a Service,
    region: &'a Region,
    path: &'a RequestPath<'a>,
    reached: Reached,
    methods: MethodSet,
}

impl<'w, 'i> Prover<'w, 'i> {
    pub(super) fn new(
        world: &'w World<'i>,
        index: &'i Index,
        policy: &'i Policy,
        bounds: &'i [Bounds],
        search: Search<'i>,
    ) -> Self {
        let found = policy.invariants.iter().map(|_| Found::default()).collect();
        Self { world, side: Side::new(world, 0, index), index, policy, bounds, search, found }
    }

    /// Walks over all services.
    pub(super) fn outcomes(mut self) -> Result<Vec<Outcome>, TooComplex> {
        let mut services: Vec<_> = self.index.services().collect();
        services.sort_by_key(|(_, service)| !self.search.is_about(&service.name));
        for (id, service) in services {
            self.service(id, service);
            self.world.logic.check()?;
        }
        let Self { policy, found, .. } = self;
        Ok(policy.invariants.iter().zip(found).map(|(invariant, found)| found.outcome(invariant)).collect())
    }

    fn service(&mut self, id: ServiceId, service: &'i Service) {
        let policy = self.policy;
        let is_concerned =
            |i: &Invariant| i.service.as_ref().is_none_or(|only| only.value.as_str() == &*service.name);
        let search = self.search;
        let concerned: Vec<(usize, &Invariant)> = policy
            .invariants
            .iter()
            .enumerate()
            .filter(|(_, i)| is_concerned(i) && search.concerns(&i.says.value, &service.name))
            .collect();
        if concerned.is_empty() || self.is_done() {
            return;
        }
        // A list of all that is public names routes, and their paths are told apart already.
        let paths = || concerned.iter().filter(|(_, i)| i.says.value != Says::Public);
        let templates: Vec<&Template> = paths()
            .flat_map(|(_, i)| i.requests.iter().chain(&i.except))
            .map(|line| &line.template)
            .collect();
        let trie = Trie::of_templates(templates, service.trie.folds());
        let loosely = paths().any(|(_, i)| has_spellings(service, i));
        let answered = self.answered();
        let mut walk = Walk::default();
        walk.service(&self.side, id);
        walk.templates(&trie, loosely);
        walk.templates(&answered, true);
        walk.regions(|region| {
            if self.is_done() {
                return;
            }
            let path = region.usual_path();
            let Ok(path) = RequestPath::parse(&path) else { return };
            let mut alike: BTreeMap<Reached, MethodSet> = BTreeMap::new();
            for method in Method::ROUTABLE {
                let to = reached(&self.side, service, Asking::Method(method), &path);
                let methods = alike.entry(to).or_default();
                *methods = methods.union(MethodSet::only(method));
            }
            for (reached, all) in alike {
                for (number, invariant) in &concerned {
                    let meeting = Meeting { id, service, region, path: &path, reached, methods: all };
                    self.look(*number, invariant, meeting);
                }
            }
        });
    }

    /// Whether there is nothing left to look for.
    fn is_done(&self) -> bool {
        self.search.is_for_one() && self.found.iter().any(|found| !found.breaches.is_empty())
    }

    /// The paths for which services answer, so that paths are told apart that lead
    /// to different ones.
    fn answered(&self) -> Trie {
        let hosts = self.world.holders.hosts.iter();
        let claims = hosts.flat_map(|host| self.index.claims_on(host)).flatten();
        answered(claims.map(|claim| claim.segments.into_iter()))
    }

    fn look(&mut self, number: usize, invariant: &Invariant, mut meeting: Meeting<'_>) {
        let reading = Reading::new(meeting.service, invariant);
        if invariant.says.value == Says::Public {
            return self.look_public(number, invariant, reading, &meeting);
        }
        let about = |method: &Method| reading.is_about(invariant, *method, meeting.path);
        let methods = meeting.methods.iter().filter(about);
        meeting.methods = methods.fold(MethodSet::default(), |set, m| set.union(MethodSet::only(m)));
        if meeting.methods.is_empty() {
            return;
        }
        let key = (meeting.id, meeting.reached);
        let Some(found) = self.found.get(number) else { return };
        if found.breaches.contains_key(&key) || found.fine.contains(&key) {
            return;
        }
        let Some((speaks, breach)) = self.breach(number, invariant, &meeting) else { return };
        let breach = self.counterexample(invariant, &meeting, &breach);
        let route = self.side.route(meeting.reached);
        // Where paths decide who holds what, or whether the service is asked at all, other paths may differ.
        let is_settled = !matches!(invariant.says.value, Says::Always(_))
            && route.is_none_or(|route| !self.side.looks_at(route));
        let Some(found) = self.found.get_mut(number) else { return };
        found.speaks |= speaks;
        found.is_answered |= route.is_some();
        match breach {
            Some(counterexample) => drop(found.breaches.insert(key, counterexample)),
            None if is_settled => drop(found.fine.insert(key)),
            None => {}
        }
    }

    /// Whether the invariant speaks of such requests, and those that break it.
    fn breach(
        &self,
        number: usize,
        invariant: &Invariant,
        meeting: &Meeting<'_>,
    ) -> Option<(bool, Function)> {
        let Meeting { id, region, path, reached, .. } = *meeting;
        let World { logic, .. } = self.world;
        let bounds = self.bounds.get(number)?;
        let callers = callers(invariant)?;
        let is_always = matches!(invariant.says.value, Says::Always(_));
        if is_always && is_no_request(reached) {
            return None;
        }
        let verdict = verdict(self.world, &self.side, reached, region);
        let allowed = match invariant.conditions {
            Some(value) => given(&verdict.allowed, &self.conditions(value)),
            None => verdict.allowed.clone(),
        };
        let route = self.side.route(reached);
        let whom =
            self.side.held_on(route, region, |held| whom(self.world, self.index, held, callers, bounds));
        let hosts = match &invariant.service {
            None if is_always => self.chosen(id, path),
            _ => self.world.host(|host| self.index.answers_for(id, host)),
        };
        let mut setting = vec![hosts];
        setting.extend(bounds.ip.as_ref().map(|rule| self.world.admitted(rule)));
        if is_always {
            setting.push(self.usual());
        }
        let setting = logic.all(setting);
        let speaks = !logic.and(&setting, &whom).is_false();
        let broken = match invariant.says.value {
            Says::Only(_) => logic.but_not(&allowed, &whom),
            Says::Never(_) => logic.and(&allowed, &whom),
            Says::Always(_) => logic.but_not(&whom, &allowed),
            Says::Public => return None,
        };
        Some((speaks, logic.and(&broken, &setting)))
    }

    /// The anonymous routes, which must be on the list.
    fn look_public(&mut self, number: usize, invariant: &Invariant, reading: Reading, meeting: &Meeting<'_>) {
        let Some(route) = self.side.route(meeting.reached) else { return };
        let World { logic, .. } = self.world;
        let verdict = verdict(self.world, &self.side, meeting.reached, meeting.region);
        let hosts = self.world.host(|host| self.index.answers_for(meeting.id, host));
        let public = logic.and(&logic.and(&verdict.allowed, &anonymous(self.world)), &hosts);
        if public.is_false() {
            return;
        }
        let mut others = MethodSet::default();
        for method in meeting.methods.iter() {
            let is_it = |(_, line): &(usize, &crate::policy::invariant::Line)| {
                line.methods.contains(method) && reading.is_route(line, &route.template)
            };
            let only = MethodSet::only(method);
            let mut listed = invariant.requests.iter().enumerate().filter(is_it).peekable();
            if listed.peek().is_none() {
                others = others.union(only);
            }
            let Some(found) = self.found.get_mut(number) else { continue };
            for (line, _) in listed {
                let set = found.public.entry(line).or_default();
                *set = set.union(only);
            }
        }
        let others = Meeting { methods: others, ..*meeting };
        let breach = match others.methods.is_empty() {
            true => None,
            false => self.counterexample(invariant, &others, &public),
        };
        if let Some(found) = self.found.get_mut(number) {
            found.is_answered = true;
            let key = (meeting.id, meeting.reached);
            if let Some(breach) = breach {
                found.breaches.entry(key).or_insert(breach);
            }
        }
    }

    /// A request that breaks an invariant, as plain as there is one.
    fn counterexample(
        &self,
        invariant: &Invariant,
        meeting: &Meeting<'_>,
        broken: &Function,
    ) -> Option<Counterexample> {
        if broken.is_false() {
            return None;
        }
        let Meeting { id, service, region, path, reached, methods } = *meeting;
        let is_always = matches!(invariant.says.value, Says::Always(_));
        // The condition that matters least: one that would not have helped.
        let without = given(broken, &self.conditions(is_always));
        let broken = if without.is_false() { broken.clone() } else { without };
        let broken = self.plain(broken);
        let by_host = self.world.logic.and(&broken, &self.chosen(id, path));
        let asking = Asking::Method(methods.iter().next()?);
        let (function, named) = match by_host.is_false() {
            true => (broken, Some(&*service.name)),
            false => (by_host, None),
        };
        let mut witness = Witness::of(self.world, &function, (region, asking, named))?;
        let decided = witness.decide(self.index).reason;
        let as_proved = decided.is_allowed() != is_always;
        if let (Some(value), false) = (invariant.conditions, as_proved) {
            // The invariant is about requests of which conditions are so.
            let asked = support(&verdict(self.world, &self.side, reached, region).allowed);
            let texts = self.world.conditions.texts(&asked).into_iter();
            witness.conditions = texts.map(|(_, text)| (text.to_string(), value)).collect();
        }
        Some(Counterexample {
            methods,
            met: Met::new(&self.side, &Where { service: Some(service.name.to_string()), reached }),
            decided,
            confirmed: as_proved && witness.conditions.is_empty(),
            witness,
        })
    }

    /// Requests without anything unusual, where there are some.
    fn plain(&self, mut function: Function) -> Function {
        let World { logic, facts, .. } = self.world;
        let not = |fact: Variable| logic.not(&logic.fact(fact));
        let first = |choice| logic.among(choice, &BTreeSet::from([0]));
        // Who holds what by roles is what people look for.
        let own_codes = logic.some(facts.codes.values().copied());
        let wishes = [
            logic.not(&own_codes),
            not(facts.websocket),
            self.meant(),
            first(&facts.time),
            first(&facts.address),
            first(&facts.peer),
            first(&facts.user),
        ];
        for wish in facts.limited.map(not).into_iter().chain(wishes) {
            let plainer = logic.and(&function, &wish);
            if !plainer.is_false() {
                function = plainer;
            }
        }
        function
    }

    /// Requests that ask for no upgrade, with tokens that are meant for whoever
    /// reads them and whose codes no scope limits.
    fn usual(&self) -> Function {
        let World { logic, facts, .. } = self.world;
        let odd = logic.some([facts.websocket].into_iter().chain(facts.limited));
        logic.but_not(&self.meant(), &odd)
    }

    /// The token, where there is one, has every audience.
    fn meant(&self) -> Function {
        let World { logic, facts, .. } = self.world;
        let named = facts.audiences.values().chain([&facts.usual_audience]);
        logic.all(named.map(|audience| logic.fact(*audience)))
    }

    /// Host and path choose this service.
    fn chosen(&self, id: ServiceId, path: &RequestPath<'_>) -> Function {
        self.world.host(|host| service_of(self.index, None, host, path).is_ok_and(|(chosen, _)| chosen == id))
    }

    /// Every condition is this.
    fn conditions(&self, value: bool) -> Vec<(Variable, bool)> {
        self.world.conditions.facts().into_iter().map(|fact| (fact, value)).collect()
    }
}

/// Whether a path is refused before anybody looks at what it names.
fn is_no_request(reached: Reached) -> bool {
    matches!(reached, Reached::Nothing(Reason::PathAmbiguous | Reason::RequestMalformed))
}

impl Found {
    fn outcome(self, invariant: &Invariant) -> Outcome {
        let Self { breaches, fine: _, public, speaks, is_answered } = self;
        let mut breaches: Vec<Breach> =
            breaches.into_values().map(|breach| Breach::Request(Box::new(breach))).collect();
        match invariant.says.value {
            Says::Public => {
                for (number, line) in invariant.requests.iter().enumerate() {
                    let met = public.get(&number).copied().unwrap_or_default();
                    let missed = line.methods.iter().filter(|method| !met.contains(*method));
                    let methods = missed.fold(MethodSet::default(), |set, m| set.union(MethodSet::only(m)));
                    if !methods.is_empty() {
                        breaches.push(Breach::NotPublic {
                            line: line.text.to_string(),
                            span: line.span,
                            methods,
                        });
                    }
                }
            }
            Says::Always(_) if !speaks && breaches.is_empty() => breaches.push(Breach::Nothing),
            _ => {}
        }
        Outcome {
            name: invariant.name.value.to_string(),
            span: invariant.says.span,
            sentence: super::finding::sentence(invariant),
            breaches,
            is_answered,
            assumes_conditions: invariant.conditions.is_some(),
        }
    }
}
