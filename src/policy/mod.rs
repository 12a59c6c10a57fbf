//! The words of the domain, and YAML files into them.
//!
//! A [`Policy`] says what people wrote, checked word by word and with the
//! place of every word; what the words mean together (which roles exist, which
//! routes collide) is the compiler's to say. This room never sees a request
//! being decided, a token or a server.

mod binding;
mod document;
mod elsewhere;
mod folder;
pub mod instant;
pub mod invariant;
mod method;
mod name;
mod need;
mod network;
mod path;
mod peer;
mod role;
mod route;
mod schema;
mod scope;
mod service;
pub mod suite;
mod template;

pub use crate::words::{HostPattern, normalize_host};
pub use binding::{Binding, Holder};
pub use document::{Network, Policy};
pub use folder::{Limits, is_policy_file, is_skipped, read_folder, read_texts};
pub use method::{Method, MethodSet};
pub use name::{
    Audience, Code, CodePattern, Located, NetworkName, PersonaName, PrincipalName, RoleName, ServiceName,
    ValuePattern,
};
pub use need::{IpRule, Need, NetworkRef};
pub use network::AddressRange;
pub use path::{MAX_PATH, MAX_SEGMENTS, PathFault, RequestPath, decode as decode_segment};
pub use peer::{PeerPart, PeerPattern, SpiffeId};
pub use role::Role;
pub use route::{Access, Defaults, Required, Route};
pub use schema::{SCHEMA, SHAPES};
pub use scope::{Moment, On, Scope};
pub use service::{Service, UpstreamHeader};
pub use template::{Segment, Template};
