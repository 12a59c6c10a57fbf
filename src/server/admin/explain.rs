//! Why a request is decided as it is: one that somebody describes, or one that
//! was decided a while ago.
//!
//! Tokens are not taken here, not even to be verified: who asks says who would
//! call. What comes back is what `doorward check --format json` prints.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::question::Question;
use super::reply::Reply;
use crate::config::Issuer;
use crate::denial::Denials;
use crate::diag::below;
use crate::engine::{Headers, Input, Origin, Principal, Reason, json};
use crate::gate::{Live, Snapshot};
use crate::policy::instant::utc;
use crate::telemetry::{ALLOWS, DENIALS, Recent, Remembered, Telemetry};
use crate::trial::{Court, Outcome, Told, Words};
use crate::words::redact;

/// What explaining needs.
pub(in crate::server) struct Explainer {
    pub(in crate::server) policy: Arc<Live>,
    pub(in crate::server) telemetry: Arc<Telemetry>,
    pub(in crate::server) denials: Arc<Denials>,
    /// Whose claims are understood how.
    pub(in crate::server) issuers: Vec<Issuer>,
    /// The policy directory.
    pub(in crate::server) directory: PathBuf,
}

/// Stands where the id of a decision would: what is only tried has none.
const NO_ID: &str = "00000000000000000000000000000000";

/// A decision that was made before.
#[derive(Debug, Serialize)]
struct Decided<'a> {
    decision_id: &'a str,
    time: String,
    reason: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    revision: Option<&'a str>,
    /// Whether that is the policy of the explanation.
    same_revision: bool,
    /// What was not kept of the request, and may have mattered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_kept: Vec<&'static str>,
}

/// What is answered.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<Decided<'a>>,
    #[serde(flatten)]
    told: Told<'a>,
}

impl Explainer {
    /// The answer to a question in JSON, at `now`.
    pub(super) fn answer(&self, body: &[u8], now: u64) -> Reply {
        if redact::is_token_in(body) {
            return Reply::error(
                400,
                "this holds what looks like a token, which is not taken here: say who calls with `user` or `claims`",
            );
        }
        let Some(object) = json::object(body) else {
            return Reply::error(400, "this is not a JSON object, or a member stands in it twice");
        };
        let Some(recent) = self.telemetry.recent() else {
            return Reply::error(503, "decisions are not kept");
        };
        match (object.get("decision_id"), object.len()) {
            (Some(Value::String(id)), 1) => self.decided(id, recent),
            (Some(_), _) => Reply::error(400, "`decision_id` is a text, and stands alone"),
            (None, _) => {
                match Question::read(object, &self.issuers, now, |name| recent.is_credential(name)) {
                    Ok(question) => self.asked(&question),
                    Err(why) => Reply::error(400, &why),
                }
            }
        }
    }

    fn asked(&self, question: &Question) -> Reply {
        let Question { asked, service, source, peer, caller, now } = question;
        let pairs = asked.pairs();
        let input = Input {
            method: &asked.method,
            host: &asked.host,
            path: &asked.path,
            service: service.as_deref(),
            source: *source,
            peer: peer.as_deref(),
            headers: Headers::new(&pairs),
            scheme: &asked.scheme,
            body: asked.body.as_deref().map(str::as_bytes),
            now: *now,
        };
        let snapshot = self.policy.current();
        let origin = if caller.is_some() { Origin::Asserted } else { Origin::Token };
        let outcome = self.court(&snapshot).decide(NO_ID, &input, origin, |_| match caller {
            Some(Ok(subject)) => Ok(Arc::new(Principal::resolve(snapshot.index(), subject.clone()))),
            Some(Err(refusal)) => Err((refusal.reason, refusal.detail)),
            None => Err((Reason::TokenMissing, "nobody was named")),
        });
        self.reply(&snapshot, outcome, &input, origin, None)
    }

    fn decided(&self, id: &str, recent: &Recent) -> Reply {
        let Some(found) = recent.find(id) else {
            return Reply::error(
                404,
                &format!(
                    "no such decision is remembered: the last {DENIALS} denials are, and {ALLOWS} of the last allows"
                ),
            );
        };
        let pairs: Vec<(&str, &[u8])> =
            found.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let input = Input {
            method: &found.method,
            host: &found.host,
            path: &found.path,
            service: found.service.as_deref(),
            source: found.source,
            peer: found.peer.as_deref(),
            headers: Headers::new(&pairs),
            scheme: &found.scheme,
            body: None,
            now: found.now,
        };
        let snapshot = self.policy.current();
        let outcome = self.court(&snapshot).decide(id, &input, Origin::Token, |_| match &found.caller {
            // Another policy may make something else of the same token.
            Some(caller) => Ok(Arc::new(Principal::resolve(snapshot.index(), caller.subject().clone()))),
            None => Err(refused_before(&found)),
        });
        let decided = Decided {
            decision_id: id,
            time: utc(found.now),
            reason: found.reason.as_str(),
            status: found.status,
            detail: found.detail.as_deref(),
            revision: found.revision.as_deref(),
            same_revision: found.revision.as_deref() == Some(&**snapshot.index().revision()),
            not_kept: [(found.withheld, "credentials"), (found.body, "body")]
                .into_iter()
                .filter_map(|(missing, what)| missing.then_some(what))
                .collect(),
        };
        self.reply(&snapshot, outcome, &input, Origin::Token, Some(decided))
    }

    fn court<'a>(&'a self, snapshot: &'a Snapshot) -> Court<'a> {
        Court {
            index: snapshot.index(),
            headers: Some(snapshot.headers()),
            denials: &self.denials,
            on_anonymous: snapshot.verifier().on_anonymous(),
        }
    }

    fn reply(
        &self,
        snapshot: &Snapshot,
        mut outcome: Outcome<'_>,
        input: &Input<'_>,
        origin: Origin,
        decided: Option<Decided<'_>>,
    ) -> Reply {
        outcome.explanation.map_places(|place| below(&self.directory, place));
        // Of a request that somebody else sent the query stays here.
        let path = match (&decided, input.path.split_once('?')) {
            (Some(_), Some((path, _))) => path,
            _ => input.path,
        };
        let words = Words {
            method: input.method,
            host: input.host,
            path,
            service: input.service,
            source_ip: input.source,
            peer: input.peer,
        };
        let directory = self.directory.display().to_string();
        let told = Told::new(&outcome, words, origin, snapshot.index(), directory);
        Reply::json(200, &Explained { decided, told }).redacted()
    }
}

/// Why nobody was known: the token's own fault, or nobody had to be.
fn refused_before(found: &Remembered) -> (Reason, &'static str) {
    match found.reason {
        reason if reason.status() == 401 => (reason, "as it was decided then: the token is not kept"),
        _ => (Reason::TokenMissing, "nobody was known then: the token is not kept"),
    }
}
