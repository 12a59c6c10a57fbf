//! The only place where a CheckResponse is made.
//!
//! To Envoy an empty message, a status of 0 beside a denial, or a status that
//! is left out is an *allow*. So there is one way from an answer to a message:
//! an allow always carries an `ok_response`, a denial always a status other than
//! 0 and a `denied_response`. What Envoy offers besides is not used:
//! `error_response` obeys `failure_mode_allow`, query parameters are not
//! encoded, response headers may split responses.
//!
//! The message is written as it goes over the wire. The tests hold it against
//! the generated types.

use hyper::body::Bytes;

use super::wire::Backwards;
use crate::gate::{Allow, Answer, Denial, Described, Outcome};

/// `OVERWRITE_IF_EXISTS_OR_ADD`
const OVERWRITE: u32 = 2;

/// What comes before a message in gRPC: that it is not compressed, and its length.
const PREFIX: usize = 5;

/// Room for most answers.
const USUAL: usize = 1024;

/// One CheckResponse as a gRPC message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message(Bytes);

impl Message {
    /// The message that says this to Envoy. What it consists of is written from
    /// the last field to the first.
    pub(super) fn of(answer: &Answer<'_>) -> Self {
        let Answer { outcome, id: _, described } = answer;
        let mut to = Backwards::with_room(USUAL);
        metadata(&mut to, described);
        let code = match outcome {
            Outcome::Allow(allow) => {
                to.message(3, |to| ok(to, allow));
                0
            }
            Outcome::Deny(denial) => {
                to.message(2, |to| denied(to, denial));
                denial.grpc()
            }
        };
        to.message(1, |to| to.number(1, code));
        let length = u32::try_from(to.len()).unwrap_or_default();
        to.raw(&length.to_be_bytes());
        to.raw(&[0]);
        Self(to.finish())
    }

    /// With what comes before it in gRPC.
    pub(crate) fn framed(self) -> Bytes {
        self.0
    }

    /// The message alone.
    pub(super) fn alone(&self) -> &[u8] {
        self.0.get(PREFIX..).unwrap_or_default()
    }
}

fn ok(to: &mut Backwards, allow: &Allow<'_>) {
    for name in allow.remove().iter().rev() {
        to.text(5, name);
    }
    for (name, value) in allow.set().iter().rev() {
        to.message(2, |to| overwrite(to, name, value));
    }
}

fn denied(to: &mut Backwards, denial: &Denial) {
    to.text(3, denial.body());
    for (name, value) in denial.headers().iter().rev() {
        to.message(2, |to| overwrite(to, name, value));
    }
    to.message(1, |to| to.number(1, denial.status().into()));
}

/// One value in place of all others. Today's Envoy reads `append`, others read
/// `append_action`, whose default appends: both are said.
fn overwrite(to: &mut Backwards, name: &str, value: &str) {
    to.number(3, OVERWRITE);
    // A `BoolValue` of false.
    to.message(2, |_| ());
    to.message(1, |to| {
        to.text(2, value);
        to.text(1, name);
    });
}

/// Dynamic metadata: what Envoy's access log and later filters can read about
/// a decision, under `envoy.filters.http.ext_authz`.
fn metadata(to: &mut Backwards, described: &Described<'_>) {
    to.message(4, |to| {
        for (name, text) in described.iter().rev() {
            let Some(text) = text else { continue };
            to.message(1, |to| {
                to.message(2, |to| to.text(3, text));
                to.text(1, name);
            });
        }
    });
}

#[cfg(test)]
mod tests;
