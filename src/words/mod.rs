//! Words that rooms on different floors must read alike: the reasons of
//! decisions, the statuses of denials, hosts, names of managed headers,
//! targets of requests, percent-encoding, hexadecimal digits, characters that
//! nobody sees.
//!
//! Nothing but words: no file, no policy, no request.

mod header;
pub mod hex;
mod host;
mod percent;
mod reason;
pub mod redact;
mod refusal;
mod target;
mod unseen;

pub use header::{
    HEADER_PREFIX, HeaderName, MAX_HEADERS, is_header_name, prefix_fault as header_prefix_fault,
};
pub use host::{HostPattern, normalize as normalize_host};
pub use percent::escape;
pub use reason::Reason;
pub use refusal::Refusal;
pub use target::Target;
pub use unseen::is_unseen;
