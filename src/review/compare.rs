//! The walk over two policies that finds what differs.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::access::{Side, Verdict};
use super::conditions::Basis;
use super::hosts::{Moved, moved};
use super::logic::{Function, TooComplex};
use super::outcome::{Reached, askings, reached, service, verdict};
use super::region::Region;
use super::shape::shape;
use super::walk::Walk;
use super::witness::Asking;
use super::world::World;
use crate::compile::{Service, ServiceId};
use crate::engine::{Reason, service_of};
use crate::policy::{RequestPath, Template};

/// Two policies, and what was found to differ so far.
#[derive(Debug)]
pub(super) struct Comparison<'w, 'i> {
    pub(super) world: &'w World<'i>,
    pub(super) sides: [Side<'w, 'i>; 2],
    pub(super) found: HashMap<Key, Found>,
    /// What values of headers take from each side, by their texts.
    pub(super) bases: RefCell<HashMap<(usize, String), Rc<Basis>>>,
    /// The headers of which it is told already that they mean something else.
    pub(super) told: RefCell<HashSet<([Option<String>; 2], String)>>,
}

/// Everything that makes several differences one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The service that the proxy names.
    pub(super) service: Option<String>,
    pub(super) asks: Vec<Asking>,
    pub(super) met: [Where; 2],
    pub(super) gained: Function,
    pub(super) lost: Function,
    pub(super) effects: Vec<String>,
}

/// Where requests get to on one side: the service, and what there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Where {
    pub(super) service: Option<String>,
    pub(super) reached: Reached,
}

impl Where {
    /// No route for the path and none for the method are one thing.
    fn told(mut self) -> Self {
        if self.reached == Reached::Nothing(Reason::MethodNotAllowed) {
            self.reached = Reached::Nothing(Reason::RouteUnknown);
        }
        self
    }
}

/// Which requests differ.
#[derive(Debug)]
pub(super) struct Found {
    /// The first kind of path.
    pub(super) region: Region,
    pub(super) paths: BTreeSet<String>,
}

/// What one side does with some requests.
type Outcome = (Where, Rc<Verdict>);

/// A service of one side, and the hosts that it answers for.
struct Answering<'i> {
    id: ServiceId,
    service: &'i Service,
    hosts: Function,
}

impl<'w, 'i> Comparison<'w, 'i> {
    /// Compares the two sides of a world; with a name, what it says of one service.
    pub(super) fn new(
        world: &'w World<'i>,
        sides: [Side<'w, 'i>; 2],
        only: Option<&str>,
    ) -> Result<Self, TooComplex> {
        let mut comparison =
            Self { world, sides, found: HashMap::new(), bases: RefCell::default(), told: RefCell::default() };
        let services = comparison.sides.iter().flat_map(|side| side.index.services());
        let names: BTreeSet<&str> = services.map(|(_, service)| &*service.name).collect();
        for name in names.into_iter().filter(|name| only.is_none_or(|only| only == *name)) {
            comparison.service(name);
            world.logic.check()?;
        }
        let indices = comparison.sides.each_ref().map(|side| side.index);
        for moved in moved(&world.holders.hosts, indices) {
            comparison.hosts(&moved);
            world.logic.check()?;
        }
        Ok(comparison)
    }

    /// All requests of which the proxy says that they are for a service.
    fn service(&mut self, name: &str) {
        let answering = self.sides.each_ref().map(|side| self.answering(side, name));
        let mut walk = Walk::default();
        for (side, answering) in self.sides.iter().zip(&answering) {
            if let Some(Answering { id, .. }) = answering {
                walk.service(side, *id);
            }
        }
        let askings = askings(answering.iter().flatten().map(|answering| answering.service));
        walk.regions(|region| {
            let path = region.usual_path();
            let Ok(path) = RequestPath::parse(&path) else { return };
            let [old, new] = &answering;
            let to = |side, answering: &Option<Answering<'_>>, asking| match answering {
                Some(Answering { service, .. }) => reached(side, service, asking, &path),
                None => Reached::Nothing(Reason::ServiceUnknown),
            };
            let [old_side, new_side] = &self.sides;
            let mut alike: HashMap<[Reached; 2], Vec<Asking>> = HashMap::new();
            for asking in &askings {
                let key = [to(old_side, old, *asking), to(new_side, new, *asking)];
                alike.entry(key).or_default().push(*asking);
            }
            let mut alike: Vec<_> = alike.into_iter().collect();
            alike.sort_unstable();
            for ([old_reached, new_reached], asks) in alike {
                let old = self.named(old_side, name, old.as_ref(), old_reached, region);
                let new = self.named(new_side, name, new.as_ref(), new_reached, region);
                if let Some((key, shape)) = self.difference(Some(name), region, asks, old, new) {
                    note(&mut self.found, key, region, shape);
                }
            }
        });
    }

    fn answering(&self, side: &Side<'_, 'i>, name: &str) -> Option<Answering<'i>> {
        let (id, service) = service(side, name)?;
        Some(Answering { id, service, hosts: self.world.host(|host| side.index.answers_for(id, host)) })
    }

    fn named(
        &self,
        side: &Side<'_, '_>,
        name: &str,
        answering: Option<&Answering<'_>>,
        reached: Reached,
        region: &Region,
    ) -> Outcome {
        let verdict = verdict(self.world, side, reached, region);
        let verdict = match answering {
            Some(Answering { hosts, .. }) => self.on_hosts(verdict, hosts),
            None => verdict,
        };
        (Where { service: answering.map(|_| name.to_owned()), reached }, verdict)
    }

    /// A verdict that counts on some hosts only.
    fn on_hosts(&self, verdict: Rc<Verdict>, hosts: &Function) -> Rc<Verdict> {
        let logic = &self.world.logic;
        if hosts.is_true() {
            return verdict;
        }
        let elsewhere = logic.not(hosts);
        let denied = verdict.denied.iter().map(|(reason, who)| (*reason, logic.and(who, hosts)));
        Rc::new(Verdict {
            allowed: logic.and(&verdict.allowed, hosts),
            denied: denied.chain([(Reason::ServiceUnknown, elsewhere)]).collect(),
        })
    }

    /// Requests for which host and path choose another service than before.
    fn hosts(&mut self, moved: &Moved) {
        let hosts = self.world.host(|host| moved.hosts.iter().any(|moved| moved == host));
        let mut walk = Walk::default();
        walk.templates(&moved.paths, true);
        let mut services = Vec::new();
        for (side, names) in self.sides.iter().zip(&moved.services) {
            for (id, found) in names.iter().filter_map(|name| service(side, name)) {
                walk.service(side, id);
                services.push(found);
            }
        }
        let askings = askings(services);
        let Some(host) = moved.hosts.first() else { return };
        walk.regions(|region| {
            let path = region.usual_path();
            let Ok(path) = RequestPath::parse(&path) else { return };
            let [old_side, new_side] = &self.sides;
            let mut alike: BTreeMap<[Where; 2], Vec<Asking>> = BTreeMap::new();
            for asking in &askings {
                let chosen = |side| chosen(side, host, *asking, &path);
                let met = [chosen(old_side), chosen(new_side)];
                if !self.is_told(&met, &hosts, *asking, &path, region) {
                    alike.entry(met).or_default().push(*asking);
                }
            }
            for ([old, new], asks) in alike {
                let on_hosts = |side, met: Where| {
                    let verdict = verdict(self.world, side, met.reached, region);
                    (met, self.on_hosts(verdict, &hosts))
                };
                let (old, new) = (on_hosts(old_side, old), on_hosts(new_side, new));
                if let Some((key, shape)) = self.difference(None, region, asks, old, new) {
                    note(&mut self.found, key, region, shape);
                }
            }
        });
    }

    /// Whether the same is told already, of these hosts, of requests for which the
    /// proxy names one of the two services.
    fn is_told(
        &self,
        met: &[Where; 2],
        hosts: &Function,
        asking: Asking,
        path: &RequestPath<'_>,
        region: &Region,
    ) -> bool {
        let logic = &self.world.logic;
        let is_alike = |name: &str| {
            self.sides.iter().zip(met).all(|(side, met)| {
                let chosen = verdict(self.world, side, met.reached, region);
                let named = match self.answering(side, name) {
                    Some(Answering { service, hosts, .. }) => {
                        let reached = reached(side, service, asking, path);
                        self.on_hosts(verdict(self.world, side, reached, region), &hosts)
                    }
                    None => verdict(self.world, side, Reached::Nothing(Reason::ServiceUnknown), region),
                };
                logic.and(&chosen.allowed, hosts) == logic.and(&named.allowed, hosts)
            })
        };
        met.iter().filter_map(|met| met.service.as_deref()).any(is_alike)
    }

    /// What differs, if anything does, and the path as a template.
    fn difference(
        &self,
        name: Option<&str>,
        region: &Region,
        asks: Vec<Asking>,
        (old_met, old): Outcome,
        (new_met, new): Outcome,
    ) -> Option<(Key, String)> {
        let logic = &self.world.logic;
        let gained = logic.but_not(&new.allowed, &old.allowed);
        let lost = logic.but_not(&old.allowed, &new.allowed);
        let mut effects = Vec::new();
        if gained.is_false() && lost.is_false() && old.denied != new.denied {
            effects.extend(self.denials(&old, &new));
        }
        let names = [old_met.service.as_deref(), new_met.service.as_deref()];
        let [is_old, is_new] = names;
        if is_old.is_some() && is_new.is_some() && !logic.and(&old.allowed, &new.allowed).is_false() {
            effects.extend(self.headers([&old_met, &new_met], region));
            if let ([Some(old), Some(new)], true) = (names, is_old != is_new) {
                effects.push(format!("`{new}` answers instead of `{old}`"));
            }
        }
        if gained.is_false() && lost.is_false() && effects.is_empty() {
            return None;
        }
        let [old_side, new_side] = &self.sides;
        let templates = [template(new_side, &new_met), template(old_side, &old_met)];
        let shape = shape(region, templates);
        let (service, met) = (name.map(str::to_owned), [old_met, new_met].map(Where::told));
        Some((Key { service, asks, met, gained, lost, effects }, shape))
    }
}

fn note(found: &mut HashMap<Key, Found>, key: Key, region: &Region, shape: String) {
    let new = || Found { region: region.clone(), paths: BTreeSet::new() };
    found.entry(key).or_insert_with(new).paths.insert(shape);
}

/// Where host and path lead.
fn chosen(side: &Side<'_, '_>, host: &str, asking: Asking, path: &RequestPath<'_>) -> Where {
    match service_of(side.index, None, host, path) {
        Ok((_, service)) => {
            Where { service: Some(service.name.to_string()), reached: reached(side, service, asking, path) }
        }
        Err((reason, _)) => Where { service: None, reached: Reached::Nothing(reason) },
    }
}

fn template<'i>(side: &Side<'_, 'i>, met: &Where) -> Option<&'i Template> {
    side.route(met.reached).map(|route| &*route.template)
}
