//! What compiles, and deserves a second look.
//!
//! Some of it is told wherever a policy is loaded, by the server, too: broad
//! anonymous routes, bindings that are over, names of the configuration that the
//! policy does not have. Everything else is for whoever asks, by `doorward lint`:
//! it says nothing of whether the policy is safe to run, and a reload must not
//! wait for it.

mod anonymous;
mod bindings;
mod conditions;
mod defaults;
mod grants;
mod met;
mod names;
mod networks;
mod reach;
mod silence;
mod typos;
mod usage;

use super::headers::Header;
use super::index::Index;
use crate::config::Config;
use crate::diag::{Report, Sources};
use crate::policy::Policy;

pub(super) use anonymous::broad_anonymous;
pub(super) use bindings::expiring;
pub use names::{mapped_roles, redacted_parameters};
pub(super) use silence::quiet;
pub use silence::{Judged, silence};

/// What else is known when a policy is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The configuration that names the policy, and the headers that it sends.
    pub config: Option<(&'a Config, &'a [Header])>,
}

/// A policy, what it was compiled into, and what else is known.
#[derive(Clone, Copy)]
struct Look<'a> {
    policy: &'a Policy,
    index: &'a Index,
    sources: &'a Sources,
}

impl<'a> Look<'a> {
    /// Every route as it was written, and as it was compiled: they stand in the
    /// same order.
    fn routes(
        &self,
    ) -> impl Iterator<Item = (&'a crate::policy::Service, &'a crate::policy::Route, &'a super::index::Route)>
    {
        let written =
            self.policy.services.iter().flat_map(|service| service.routes.iter().map(move |r| (service, r)));
        written.zip(self.index.routes()).map(|((service, route), (_, compiled))| (service, route, compiled))
    }

    /// Every role as it was written and as it was compiled.
    fn roles(&self) -> impl Iterator<Item = (&'a crate::policy::Role, &'a super::index::Role)> {
        self.policy.roles.iter().zip(self.index.roles().map(|(_, role)| role))
    }
}

/// Looks at everything in a policy that is only suspicious.
pub(super) fn suspicious(
    policy: &Policy,
    index: &Index,
    sources: &Sources,
    around: Around<'_>,
    report: &mut Report,
) {
    let look = Look { policy, index, sources };
    let usage = usage::Usage::of(look, around);
    let similar = typos::similar(&usage, report);
    usage::unused(look, &usage, &similar, report);
    grants::inspect(look, &usage, report);
    met::inspect(look, &usage, report);
    reach::inspect(look, report);
    reach::any_other_host(policy, report);
    defaults::inspect(policy, report);
    bindings::repeated(policy, report);
    networks::inspect(look, report);
    conditions::inspect(look, report);
    anonymous::parameters(look, report);
}
