//! The compiled policy: one immutable value.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::address::{AddressRule, AddressSet};
use super::bits::BitSet;
use super::conditions::Condition;
use super::headers::Header;
use super::ids::Ids;
use super::peers::PeerRule;
use super::prefix::{Claim, ServiceTable};
use super::roles::Roles;
use super::scope::Scope;
use super::scoped::Bindings;
use super::sets::{Gives, Sets};
use super::trie::Trie;
use crate::diag::Place;
use crate::policy::{Access, Code, HostPattern, MethodSet, PathFault, RequestPath, SpiffeId, Template};

macro_rules! id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub(super) u32);

        impl $type {
            /// As a number below the count of its kind.
            pub fn number(self) -> u32 {
                self.0
            }

            pub(super) fn at(self) -> usize {
                usize::try_from(self.0).unwrap_or(usize::MAX)
            }
        }
    };
}

id!(
    /// A role of one index.
    RoleId
);
id!(
    /// A permission code of one index.
    CodeId
);
id!(
    /// A service of one index.
    ServiceId
);
id!(
    /// A route of one index.
    RouteId
);

/// A compiled role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: Arc<str>,
    /// Where it is defined.
    pub place: Place,
    /// The heaviest of a user's roles is the primary one.
    pub weight: i64,
    /// Itself and all that it inherits.
    pub closure: BitSet,
    /// The codes that it and all it inherits grant.
    pub granted: BitSet,
    /// The codes that it and all it inherits deny.
    pub denied: BitSet,
}

impl Role {
    /// All that it gives.
    pub fn gives(&self) -> Gives<'_> {
        Gives { roles: &self.closure, granted: &self.granted, denied: &self.denied }
    }
}

/// A compiled service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: Arc<str>,
    /// Audiences, one of which a token must name, instead of its issuer's;
    /// empty where the issuer's count.
    pub audiences: Box<[Box<str>]>,
    /// Whether CORS preflight requests pass anonymously.
    pub cors_preflight: bool,
    /// Whether a `{name}` may hold an encoded slash.
    pub encoded_slash: bool,
    /// Whether a `{name}` may hold `;` parameters.
    pub path_parameters: bool,
    /// Headers that its upstream is told, beside those of the configuration or
    /// in their place; sorted by name.
    pub headers: Box<[Header]>,
    /// Who must look at what opens it.
    pub owners: Box<[Box<str>]>,
    /// Its routes by path.
    pub trie: Trie,
}

/// A compiled route: two lines of the processor's cache.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(64))]
pub struct Route {
    /// `GET /events/{id}`.
    pub text: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// The service it belongs to.
    pub service: ServiceId,
    /// The methods it names.
    pub methods: MethodSet,
    /// The paths it matches.
    pub template: Arc<Template>,
    /// Who may call.
    pub rule: Rule,
    /// From which addresses.
    pub ip: Option<Arc<AddressRule>>,
    /// Whether a WebSocket upgrade is permitted.
    pub websocket: bool,
}

/// Who may call a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Said so by `access:`.
    Access(Access),
    /// Callers of whom all of these hold. At least one is there.
    Needs {
        /// Required peers, if any one of which is not at the other end of the
        /// connection, nothing else counts.
        peers: Option<Arc<PeerRule>>,
        /// Required roles.
        roles: Option<Arc<Need<RoleId>>>,
        /// Required codes.
        codes: Option<Need<CodeId>>,
        /// A condition.
        when: Option<Arc<Condition>>,
    },
}

impl Rule {
    /// Whether everyone may call.
    pub fn is_anonymous(&self) -> bool {
        *self == Self::Access(Access::Anonymous)
    }
}

/// Any one of several, or all of them. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need<T> {
    /// Whether every one is needed.
    pub all: bool,
    /// Which.
    pub ids: Ids<T>,
    /// Where the requirement stands: on the route, or in some `defaults`.
    pub place: Place,
}

impl<T: Copy> Need<T> {
    /// Whether the requirement holds, given a test for one.
    pub fn holds(&self, has: impl Fn(T) -> bool) -> bool {
        if self.all { self.ids.iter().all(|id| has(*id)) } else { self.ids.iter().any(|id| has(*id)) }
    }
}

/// The compiled policy.
#[derive(Debug, Clone)]
pub struct Index {
    roles: Roles,
    services: Box<[Service]>,
    service_ids: HashMap<Arc<str>, ServiceId>,
    routes: Box<[Route]>,
    table: ServiceTable,
    networks: Box<[(Arc<str>, AddressSet)]>,
    revision: Arc<str>,
}

/// What an index is made of.
pub(super) struct Parts {
    pub(super) roles: Roles,
    pub(super) services: Vec<Service>,
    pub(super) routes: Vec<Route>,
    pub(super) table: ServiceTable,
    pub(super) networks: Vec<(Arc<str>, AddressSet)>,
    pub(super) revision: Arc<str>,
}

impl Index {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { roles, services, routes, table, networks, revision } = parts;
        let service_ids = services.iter().zip(0..).map(|(s, at)| (s.name.clone(), ServiceId(at))).collect();
        Self {
            roles,
            services: services.into(),
            service_ids,
            routes: routes.into(),
            table,
            networks: networks.into(),
            revision,
        }
    }

    /// The content hash of all policy files: SHA-256, 64 hexadecimal digits.
    pub fn revision(&self) -> &Arc<str> {
        &self.revision
    }

    /// A service. `None` only for an id of another index.
    pub fn service(&self, id: ServiceId) -> Option<&Service> {
        self.services.get(id.at())
    }

    /// A route. `None` only for an id of another index.
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(id.at())
    }

    /// All services and their ids, by name.
    pub fn services(&self) -> impl Iterator<Item = (ServiceId, &Service)> {
        (0..).map(ServiceId).zip(&self.services)
    }

    /// All routes and their ids, by service, in the order of their file.
    pub fn routes(&self) -> impl Iterator<Item = (RouteId, &Route)> {
        (0..).map(RouteId).zip(&self.routes)
    }

    /// The service of a name.
    pub fn service_named(&self, name: &str) -> Option<ServiceId> {
        self.service_ids.get(name).copied()
    }

    /// Whether the service answers for a normalised host.
    pub fn answers_for(&self, id: ServiceId, host: &str) -> bool {
        self.table.answers_for(id, host)
    }

    /// The hosts that a service lists; none for every host.
    pub fn hosts_of(&self, id: ServiceId) -> &[HostPattern] {
        self.table.hosts(id)
    }

    /// What services answer for on a normalised host, the most specific pattern
    /// of hosts first.
    pub fn claims_on<'i>(&'i self, host: &'i str) -> impl Iterator<Item = Vec<Claim<'i>>> {
        self.table.claims(host)
    }

    /// The service that answers for a normalised host and a path: of those
    /// that match both, the one with the most specific host (exact, then the
    /// longest `*.`, then none), then with the longest path.
    pub fn service_for(&self, host: &str, path: &RequestPath<'_>) -> Result<Option<ServiceId>, PathFault> {
        self.table.find(host, path)
    }

    /// A role. `None` only for an id of another index.
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.roles.get(id.at())
    }

    /// A set that can hold every role.
    pub fn no_roles(&self) -> BitSet {
        BitSet::new(self.roles.roles.len())
    }

    /// A set that can hold every code.
    pub fn no_codes(&self) -> BitSet {
        BitSet::new(self.roles.codes.len())
    }

    /// The role of a name.
    pub fn role_named(&self, name: &str) -> Option<RoleId> {
        self.roles.role_ids.get(name).copied()
    }

    /// All roles and their ids, by name.
    pub fn roles(&self) -> impl Iterator<Item = (RoleId, &Role)> {
        (0..).map(RoleId).zip(&self.roles.roles)
    }

    /// A code. `None` only for an id of another index.
    pub fn code(&self, id: CodeId) -> Option<&Code> {
        self.roles.codes.get(id.at())
    }

    /// The code of a name, if the policy names it.
    pub fn code_named(&self, name: &str) -> Option<CodeId> {
        let at = self.roles.codes.binary_search_by(|code| code.as_str().cmp(name)).ok()?;
        u32::try_from(at).ok().map(CodeId)
    }

    /// All codes that the policy names, and their ids, in order.
    pub fn codes(&self) -> impl Iterator<Item = (CodeId, &Code)> {
        (0..).map(CodeId).zip(&self.roles.codes)
    }

    /// The names of the networks that an address lies in, in order.
    pub fn networks_of(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        self.networks.iter().filter(move |(_, set)| set.contains(address)).map(|(name, _)| &**name)
    }

    /// Every user to whom the policy itself gives something, by name.
    pub fn users(&self) -> impl Iterator<Item = (&str, &Bindings)> {
        by_name(&self.roles.users)
    }

    /// Every group to which the policy gives something, by name.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Bindings)> {
        by_name(&self.roles.groups)
    }

    /// What the policy gives to peers, by each pattern.
    pub fn peers(&self) -> impl Iterator<Item = &Bindings> {
        self.roles.peers.values()
    }

    /// Everything that bindings give to anybody.
    pub fn bindings(&self) -> impl Iterator<Item = &Bindings> {
        let users = self.users().map(|(_, given)| given);
        users.chain(self.groups().map(|(_, given)| given)).chain(self.peers())
    }

    /// Every pattern of peers to which the policy gives something, as its parts:
    /// a `*` for any one segment, a final `*` for one or more.
    pub fn peer_patterns(&self) -> impl Iterator<Item = Vec<&str>> {
        self.roles.peers.patterns()
    }

    /// All networks, by name.
    pub fn networks(&self) -> impl Iterator<Item = (&str, &AddressSet)> {
        self.networks.iter().map(|(name, set)| (&**name, set))
    }

    /// What the policy itself gives to a user.
    pub fn given_to_user(&self, user: &str) -> Option<&Bindings> {
        self.roles.users.get(user)
    }

    /// What the policy itself gives to a peer: by all patterns that match.
    pub fn given_to_peer(&self, peer: SpiffeId<'_>) -> impl Iterator<Item = &Bindings> {
        self.roles.peers.of(peer)
    }

    /// What the policy itself gives to a group.
    pub fn given_to_group(&self, group: &str) -> Option<&Bindings> {
        self.roles.groups.get(group)
    }

    /// Nothing given yet: sets that can hold every role and every code.
    pub fn nothing(&self) -> Sets {
        Sets { roles: self.no_roles(), granted: self.no_codes(), denied: self.no_codes() }
    }
}

fn by_name(bindings: &HashMap<Box<str>, Bindings>) -> impl Iterator<Item = (&str, &Bindings)> {
    let mut named: Vec<_> = bindings.iter().map(|(name, bindings)| (&**name, bindings)).collect();
    named.sort_unstable_by_key(|(name, _)| *name);
    named.into_iter()
}

/// A role that a binding gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// The role.
    pub role: RoleId,
    /// Where the binding stands.
    pub place: Place,
    /// Where and when it counts; everywhere and always without.
    pub scope: Option<Arc<Scope>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_two_lines_of_the_cache() {
        assert_eq!(size_of::<Route>(), 128);
    }
}
