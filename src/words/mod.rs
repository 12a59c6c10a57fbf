//! Words that rooms on different floors must read alike: the reasons of
//! decisions, the statuses of denials, hosts.
//!
//! Nothing but words: no file, no policy, no request.

mod host;
mod reason;
mod refusal;

pub use host::{HostPattern, normalize as normalize_host};
pub use reason::Reason;
pub use refusal::Refusal;
