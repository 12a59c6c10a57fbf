//! Who is at the other end of the connection: what a route may require of
//! them, and who they are where there is no token.

use std::sync::Arc;

use super::principal::Principal;
use super::subject::Subject;
use crate::compile::{Index, PeerListed, PeerRule};
use crate::policy::SpiffeId;

/// The pattern that the peer of a connection matches, or why none does.
pub(super) fn admitted<'r>(rule: &'r PeerRule, peer: Option<&str>) -> Result<&'r PeerListed, &'static str> {
    let text = peer.ok_or("the connection has no client certificate")?;
    let id = SpiffeId::parse(text).ok_or("the client certificate names no workload by a SPIFFE id")?;
    rule.admits(id).ok_or("")
}

/// The peer as the caller, on a route that `listed` it or that somebody may
/// call to whom the policy has given roles.
pub(super) fn caller(index: &Index, peer: Option<&str>, listed: bool) -> Option<Arc<Principal>> {
    let id = SpiffeId::parse(peer?)?;
    let known = listed || index.given_to_peer(id).next().is_some();
    known.then(|| Arc::new(Principal::resolve(index, Subject::peer(id))))
}
