//! The decision: index and request to allow or deny, with a reason.
//!
//! Pure: no I/O, no clock, no lock, no async, no panic. The same index, the
//! same request and the same caller give the same decision, for ever.

mod caller;
mod decide;
mod decision;
mod explain;
mod facts;
mod headers;
mod held;
mod input;
pub mod json;
mod lack;
mod near;
mod peer;
mod principal;
mod recorder;
mod request;
mod routing;
mod subject;

pub use crate::words::Reason;
pub use caller::holds_for;
pub use decide::{Observer, Silent, Step, decide, decide_observed};
pub use decision::{Decision, Required};
pub use explain::{Explanation, Note, Origin, explain};
pub use headers::{HeaderChanges, HeaderPlan, MAX_HEADER_BYTES, Prepared, UnsafeValue};
pub use held::{Held, InForce};
pub use input::{Headers, Input};
pub use lack::{Denier, Lack, Missing, lacks};
pub use near::{Binding, Near};
pub use peer::caller as peer_caller;
pub use principal::{Assignment, Principal};
pub use request::Refusal;
pub use request::kinds;
pub use routing::{route_of, service_of};
pub use subject::{Proof, ReadAs, Reading, Subject};

#[cfg(test)]
mod tests;
