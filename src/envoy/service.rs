//! The gRPC service: one check in, one complete answer out, whatever happens.
//!
//! A gRPC error would be a fault to Envoy, and `failure_mode_allow` opens the
//! door to faults. So a check never ends in an error: panics and missed
//! deadlines become denials with 503, which no setting of Envoy's opens.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use envoy_types::pb::envoy::service::auth::v3::authorization_server::Authorization;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use prost::Message;
use tonic::{Request, Response, Status};

use super::complete::Unreadable;
use super::id::{DecisionId, Ids};
use super::log;
use super::metadata::metadata;
use super::problem;
use super::request::Words;
use super::response;
use super::verdict::{Judge, Verdict};
use crate::denial::{Answer, Denials, Denied};
use crate::engine::Reason;

/// What answers Envoy's checks.
#[derive(Debug)]
pub(super) struct Gate<J> {
    judge: J,
    denials: Arc<Denials>,
    ids: Ids,
    /// The longest a check may take, where Envoy sets no shorter deadline.
    limit: Duration,
}

impl<J: Judge> Gate<J> {
    pub(super) fn new(judge: J, denials: Arc<Denials>, limit: Duration) -> Self {
        Self { judge, denials, ids: Ids::default(), limit }
    }

    /// The answer to one encoded check, however little of it can be read.
    pub(super) fn answer_bytes(&self, check: &[u8]) -> Vec<u8> {
        match CheckRequest::decode(check) {
            Ok(check) => self.answer(check, self.limit).encode_to_vec(),
            Err(_) => self.unreadable().encode_to_vec(),
        }
    }

    /// The answer to one check.
    fn answer(&self, check: CheckRequest, budget: Duration) -> CheckResponse {
        let (started, id) = (Instant::now(), self.ids.next());
        let mut grpc = false;
        // Unwinding leaves nothing half-done behind: a check only reads, and
        // what it reads never changes.
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let words = Words::read(check);
            grpc = words.as_ref().is_ok_and(Words::wants_grpc);
            let mut verdict = match &words {
                Ok(words) => self.judge.judge(words),
                Err(malformed) => Verdict::bare(Reason::RequestMalformed, malformed.as_str()),
            };
            if verdict.reason.is_allowed() && started.elapsed() >= budget {
                // Envoy has given up or is about to. An allow that nobody
                // waits for must not be one that somebody else is given.
                verdict.reason = Reason::Overloaded;
                verdict.detail = Some("the check took longer than its deadline".into());
            }
            let words = words.as_ref().ok();
            let (response, status) = self.respond(id, &mut verdict, words, grpc);
            log::decision(id, &verdict, status, words, started.elapsed());
            response
        }));
        answer.unwrap_or_else(|_| {
            let mut verdict = Verdict::bare(Reason::EngineError, "the check panicked");
            self.respond_and_log(id, &mut verdict, grpc, started)
        })
    }

    /// The answer about a request of which nothing can be said.
    fn respond_and_log(
        &self,
        id: DecisionId,
        verdict: &mut Verdict,
        grpc: bool,
        started: Instant,
    ) -> CheckResponse {
        let (response, status) = self.respond(id, verdict, None, grpc);
        log::decision(id, verdict, status, None, started.elapsed());
        response
    }

    /// The answer to a verdict, and its HTTP status. A verdict that can't be
    /// carried out becomes a denial, here and in the log.
    fn respond(
        &self,
        id: DecisionId,
        verdict: &mut Verdict,
        words: Option<&Words>,
        grpc: bool,
    ) -> (CheckResponse, u16) {
        if verdict.reason.is_allowed() {
            let changes = std::mem::take(&mut verdict.changes);
            match response::allow(changes, describe(id, verdict)) {
                Ok(response) => return (response, 200),
                Err(_) => {
                    verdict.reason = Reason::ValueUnsafe;
                    verdict.detail = Some("a managed header was not safe to send".into());
                }
            }
        }
        let metadata = describe(id, verdict);
        let id = id.to_string();
        let pairs = words.map(Words::pairs).unwrap_or_default();
        let request = words.map(|words| words.input(&pairs, 0));
        let answer = self.denials.answer(Denied {
            reason: verdict.reason,
            id: &id,
            request: request.as_ref(),
            service: verdict.service.as_deref(),
            route: verdict.route.as_deref(),
            user: verdict.user.as_deref(),
            missing: &verdict.missing,
            methods: verdict.methods,
        });
        let response = match &answer {
            Answer::Login(location) => response::redirect(location, metadata),
            Answer::Refuse(told) => {
                response::deny(problem::denial(told, &id, verdict.required.as_ref(), grpc), metadata)
            }
        };
        (response, answer.status())
    }
}

impl<J: Judge> Unreadable for Gate<J> {
    fn unreadable(&self) -> CheckResponse {
        let (started, id) = (Instant::now(), self.ids.next());
        let mut verdict = Verdict::bare(Reason::RequestMalformed, "the check can't be read, or is too large");
        self.respond_and_log(id, &mut verdict, false, started)
    }
}

fn describe(id: DecisionId, verdict: &Verdict) -> envoy_types::pb::google::protobuf::Struct {
    let id = id.to_string();
    metadata([
        ("reason", Some(verdict.reason.as_str())),
        ("decision_id", Some(id.as_str())),
        ("service", verdict.service.as_deref()),
        ("route", verdict.route.as_deref()),
        ("user", verdict.user.as_deref()),
        ("revision", verdict.revision.as_deref()),
    ])
}

#[tonic::async_trait]
impl<J: Judge> Authorization for Gate<J> {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let timeout = request.metadata().get("grpc-timeout").and_then(|t| timeout(t.as_encoded_bytes()));
        // A tenth is kept for the way back.
        let budget = timeout.map_or(self.limit, |t| self.limit.min(t - t / 10));
        Ok(Response::new(self.answer(request.into_inner(), budget)))
    }
}

/// A `grpc-timeout`: up to eight digits and a unit. One that is not well
/// formed is no deadline.
fn timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let count = digits.iter().fold(0, |sum: u64, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(count * 3600),
        b'M' => Duration::from_secs(count * 60),
        b'S' => Duration::from_secs(count),
        b'm' => Duration::from_millis(count),
        b'u' => Duration::from_micros(count),
        b'n' => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
