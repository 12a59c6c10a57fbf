//! What decisions are counted with: one meter for each route and each service,
//! which outlives the policy that it was made for where the next has the same.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::line::{Style, Told};
use super::veil::Veil;
use crate::compile::{Index, Route, RouteId, Service, ServiceId};
use crate::config::RedactedParameter;
use crate::engine::Held;
use crate::words::Reason;

const REASONS: usize = Reason::ALL.len();

/// The decisions about one route, or those of a service that got to no route,
/// by reason. There are as many as routes, and most are only ever allowed: room
/// for the other reasons comes with the first of them.
#[derive(Debug, Default)]
pub struct Meter {
    allowed: AtomicU64,
    others: OnceLock<Box<Counts>>,
}

/// How many decisions, by reason.
type Counts = [AtomicU64; REASONS];

fn no_counts() -> Counts {
    std::array::from_fn(|_| AtomicU64::new(0))
}

impl Meter {
    pub(super) fn count(&self, reason: Reason) {
        let count = match reason {
            Reason::Allowed => Some(&self.allowed),
            other => self.others.get_or_init(|| Box::new(no_counts())).get(other as usize),
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The reasons that were counted, and how often each.
    pub(super) fn counted(&self) -> impl Iterator<Item = (Reason, u64)> {
        let others = self.others.get();
        let count = move |(at, reason): (usize, &Reason)| {
            let count = match reason {
                Reason::Allowed => &self.allowed,
                _ => others?.get(at)?,
            };
            Some((*reason, count.load(Ordering::Relaxed)))
        };
        Reason::ALL.iter().enumerate().filter_map(count).filter(|(_, count)| *count > 0)
    }
}

/// The meters of one policy, by the ids of its index.
#[derive(Debug, Default)]
pub struct Meters {
    named: Arc<Named>,
    /// What of paths is hidden, if anything may be.
    veil: Option<Arc<Veil>>,
    /// What lines hold, if there are any.
    style: Option<Arc<Style>>,
}

/// A service or a route by its name, and its meter: the same one as in the policy
/// before, which checks that are under way still count with.
type Name = (Arc<str>, Arc<Meter>);

/// The meters of one policy with their names, each in the order of its ids.
#[derive(Debug, Default)]
pub(super) struct Named {
    services: Box<[Name]>,
    /// With their services.
    routes: Box<[(ServiceId, Name)]>,
}

impl Named {
    /// Those of a policy: the ones before, as far as it has the same routes.
    pub(super) fn of(index: &Index, before: &Self) -> Self {
        let before: HashMap<_, _> = before.iter().collect();
        let meter = |service: &str, route: &str| {
            before.get(&(service, route)).map_or_else(Arc::default, |meter| Arc::clone(meter))
        };
        let services = index.services().map(|(_, Service { name, .. })| (Arc::clone(name), meter(name, "")));
        let route = |Route { service: id, text, .. }: &Route| {
            let service = index.service(*id).map_or("", |service| &service.name);
            (*id, (Arc::clone(text), meter(service, text)))
        };
        Self { services: services.collect(), routes: index.routes().map(|(_, of)| route(of)).collect() }
    }

    fn service(&self, id: ServiceId) -> Option<&Name> {
        self.services.get(usize::try_from(id.number()).ok()?)
    }

    fn route(&self, id: RouteId) -> Option<&Name> {
        self.routes.get(usize::try_from(id.number()).ok()?).map(|(_, name)| name)
    }

    /// Every meter with the names of its service and its route, that of a service
    /// itself with no route's. No two have the same: the policy would not compile.
    pub(super) fn iter(&self) -> impl Iterator<Item = ((&str, &str), &Arc<Meter>)> {
        let services = self.services.iter().map(|(name, meter)| ((&**name, ""), meter));
        let routes = self.routes.iter().filter_map(|(service, (name, meter))| {
            let (service, _) = self.service(*service)?;
            Some(((&**service, &**name), meter))
        });
        services.chain(routes)
    }
}

impl Meters {
    /// These, and nothing is hidden.
    pub(super) fn of_policy(named: Arc<Named>) -> Self {
        Self { named, veil: None, style: None }
    }

    /// The same, which hides these parameters of paths.
    pub(super) fn hiding(self, parameters: &[RedactedParameter], index: &Index) -> Self {
        match parameters {
            [] => self,
            some => Self { veil: Some(Arc::new(Veil::of(index, some))), ..self },
        }
    }

    /// The same, for lines that hold this.
    pub(super) fn styled(self, style: Option<Arc<Style>>) -> Self {
        Self { style, ..self }
    }

    /// What lines say of a caller, where there are lines and it can be kept.
    pub fn told(&self, caller: Held<'_>) -> Option<Told> {
        self.style.as_ref()?.told(caller.principal().subject(), &caller.role_names())
    }

    /// What of paths is hidden.
    pub fn veil(&self) -> Option<&Arc<Veil>> {
        self.veil.as_ref()
    }

    /// The meter of decisions that got this far.
    pub fn of(&self, service: Option<ServiceId>, route: Option<RouteId>) -> Option<&Meter> {
        let (_, meter) = match (route, service) {
            (Some(route), _) => self.named.route(route)?,
            (None, Some(service)) => self.named.service(service)?,
            (None, None) => return None,
        };
        Some(meter)
    }
}
