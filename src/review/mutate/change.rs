//! A change of one piece of a policy. Pieces are put into the policy and taken
//! out again, so that a thousand mutants need one copy of it.

use std::mem::swap;

use super::{Kind, Mutant};
use crate::diag::Span;
use crate::policy::{Binding, Defaults, Network, Policy, Role, Route};

/// What becomes of something that was written.
#[derive(Debug)]
pub(super) struct Change<T> {
    pub(super) kind: Kind,
    pub(super) span: Span,
    pub(super) before: String,
    pub(super) after: Option<String>,
    pub(super) to: T,
}

impl<T> Change<T> {
    /// The same as a part of something larger.
    pub(super) fn within<U>(self, of: impl FnOnce(T) -> U) -> Change<U> {
        let Self { kind, span, before, after, to } = self;
        Change { kind, span, before, after, to: of(to) }
    }

    pub(super) fn mutant(
        self,
        subject: String,
        service: Option<&str>,
        piece: impl FnOnce(T) -> Piece,
    ) -> Mutant {
        let Self { kind, span, before, after, to } = self;
        Mutant { kind, service: service.map(Into::into), subject, span, before, after, piece: piece(to) }
    }
}

/// A piece of a policy, and which one it takes the place of.
#[derive(Debug)]
pub(super) enum Piece {
    /// Of all services, or of one.
    Defaults(Option<usize>, Box<Defaults>),
    /// Of a service.
    Route(usize, usize, Box<Route>),
    Role(usize, Box<Role>),
    Binding(usize, Box<Binding>),
    Network(usize, Box<Network>),
}

impl Piece {
    /// Changes places with what the policy has in this place. Twice is as if it
    /// never was.
    pub(super) fn swap(&mut self, policy: &mut Policy) {
        match self {
            Self::Defaults(None, piece) => swap(&mut policy.defaults, piece),
            Self::Defaults(Some(at), piece) => {
                put(policy.services.get_mut(*at).map(|s| &mut s.defaults), piece)
            }
            Self::Route(service, at, piece) => {
                put(policy.services.get_mut(*service).and_then(|s| s.routes.get_mut(*at)), piece);
            }
            Self::Role(at, piece) => put(policy.roles.get_mut(*at), piece),
            Self::Binding(at, piece) => put(policy.bindings.get_mut(*at), piece),
            Self::Network(at, piece) => put(policy.networks.get_mut(*at), piece),
        }
    }
}

fn put<T>(there: Option<&mut T>, piece: &mut T) {
    if let Some(there) = there {
        swap(there, piece);
    }
}
