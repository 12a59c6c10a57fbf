//! The candidate: a policy that is decided beside the one in force, and whose
//! decisions nobody is given.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::compile::{Index, Service};
use crate::config::OnAnonymous;
use crate::engine::{Decision, Input, Principal, Reason, decide};
use crate::telemetry::{Direction, Disagreement};

/// Who a request's caller is to the candidate, or why nobody can be.
pub(super) type Identified = Result<Arc<Principal>, (Reason, &'static str)>;

/// What the candidate decides otherwise than `enforced`. Whatever goes wrong in
/// here, the decision in force stands.
pub(super) fn disagreement(
    index: &Index,
    input: &Input<'_>,
    on_anonymous: OnAnonymous,
    identify: impl FnOnce(&Service) -> Identified,
    enforced: &Decision,
) -> Option<Disagreement> {
    let decide = || decide(index, input, on_anonymous, identify);
    // The candidate only reads, and what it reads never changes.
    let decision = catch_unwind(AssertUnwindSafe(decide)).ok()?;
    let direction = match (enforced.reason.is_allowed(), decision.reason.is_allowed()) {
        (false, true) => Direction::WouldOpen,
        (true, false) => Direction::WouldClose,
        (true, true) | (false, false) => return None,
    };
    Some(Disagreement {
        direction,
        reason: decision.reason,
        service: decision.service.and_then(|id| index.service(id)).map(|service| Arc::clone(&service.name)),
        route: decision.route.and_then(|id| index.route(id)).map(|route| Arc::clone(&route.text)),
        place: decision.place(index).cloned(),
        revision: Arc::clone(index.revision()),
    })
}
