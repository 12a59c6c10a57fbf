//! Who is at the other end of the connection: what a route may require of
//! them, and who they are where there is no token.

use std::sync::Arc;

use super::principal::Principal;
use super::subject::Subject;
use crate::compile::{Index, PeerListed, PeerRule, Rule};
use crate::policy::SpiffeId;

/// The pattern that the peer of a connection matches, or why none does.
pub(super) fn admitted<'r>(rule: &'r PeerRule, peer: Option<&str>) -> Result<&'r PeerListed, &'static str> {
    let text = peer.ok_or("the connection has no client certificate")?;
    let id = SpiffeId::parse(text).ok_or("the client certificate names no workload by a SPIFFE id")?;
    rule.admits(id).ok_or("")
}

/// The peer as the caller: on a route that lists it, or, where roles or codes
/// are required, if the policy gives it any. A route that asks for neither asks
/// for a token.
pub fn caller(index: &Index, rule: &Rule, peer: Option<&str>) -> Option<Arc<Principal>> {
    let Rule::Needs { peers, roles, codes, .. } = rule else { return None };
    let id = SpiffeId::parse(peer?)?;
    let is_given = || index.given_to_peer(id).next().is_some();
    let is_known = peers.is_some() || ((roles.is_some() || codes.is_some()) && is_given());
    is_known.then(|| Arc::new(Principal::resolve(index, Subject::peer(id))))
}
