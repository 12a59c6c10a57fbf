//! The admin port: health, metrics, the policy in force, and what those who run
//! Doorward may ask it to do.
//!
//! Reading is free for whoever reaches the port; what changes something, or tells
//! what the policy means for somebody, is for the same machine or for whoever
//! has the secret ([`guard`]). No answer holds any part of a token. This folder
//! opens no socket: it answers requests.

mod explain;
mod guard;
mod numbers;
mod policy;
mod question;
mod reply;

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::ACCEPT;
use hyper::service::Service;
use hyper::{Method, Request, Response};

use super::asking::Asker;
use super::connections::Tallies;
use super::fares::Fares;
use super::listen::Peer;
use super::logs::Log;
use super::reload::Progress;
use super::standing::Standing;
use crate::gate::Live;
use crate::identity::Secret;
use crate::telemetry::{Exposition, Telemetry};

pub(super) use explain::Explainer;
pub(super) use reply::Answer;
use reply::Reply;

/// How long a reload that somebody asked for is waited for.
const RELOAD: Duration = Duration::from_secs(30);

/// The largest body of a request, and how long it may take to arrive.
const MAX_BODY: usize = 64 << 10;
const BODY: Duration = Duration::from_secs(5);

/// Everything that can be asked about.
pub(super) struct Admin {
    pub(super) policy: Arc<Live>,
    pub(super) telemetry: Arc<Telemetry>,
    pub(super) progress: Progress,
    pub(super) asker: Asker,
    pub(super) standing: Arc<Standing>,
    pub(super) explainer: Arc<Explainer>,
    pub(super) fares: Arc<Fares>,
    pub(super) log: Log,
    pub(super) tallies: Tallies,
    /// What those must know who ask for more than numbers.
    pub(super) secret: Option<Secret>,
    /// When the process began.
    pub(super) started: SystemTime,
}

/// What answers on a connection from somewhere.
pub(super) fn answering(admin: &Arc<Admin>) -> impl Fn(Peer) -> Answering + use<> {
    let admin = Arc::clone(admin);
    move |peer| Answering { admin: Arc::clone(&admin), peer }
}

/// What answers on one connection.
#[derive(Clone)]
pub(super) struct Answering {
    admin: Arc<Admin>,
    peer: Peer,
}

impl Service<Request<Incoming>> for Answering {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let Self { admin, peer } = self.clone();
        Box::pin(async move { Ok(admin.answer(request, peer).await) })
    }
}

/// What can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Healthz,
    Readyz,
    Metrics,
    Policy,
    Reload,
    Explain,
}

impl Endpoint {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/healthz" => Self::Healthz,
            "/readyz" => Self::Readyz,
            "/metrics" => Self::Metrics,
            "/policy" => Self::Policy,
            "/reload" => Self::Reload,
            "/explain" => Self::Explain,
            _ => return None,
        })
    }

    /// Whether it is put by `POST`.
    fn acts(self) -> bool {
        match self {
            Self::Healthz | Self::Readyz | Self::Metrics | Self::Policy => false,
            Self::Reload | Self::Explain => true,
        }
    }
}

impl Admin {
    /// The answer to one request of a connection that comes from `peer`.
    pub(super) async fn answer<B>(self: Arc<Self>, request: Request<B>, peer: Peer) -> Response<Answer>
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let Some(endpoint) = Endpoint::at(head.uri.path()) else {
            let known = "there are /healthz, /readyz, /metrics, /policy, /reload and /explain";
            return Reply::error(404, known).into();
        };
        let (fits, allow) = match (endpoint.acts(), &head.method) {
            (true, method) => (method == Method::POST, "POST"),
            (false, method) => (method == Method::GET || method == Method::HEAD, "GET, HEAD"),
        };
        if !fits {
            return Reply::error(405, "this method is not for this path").allowing(allow).into();
        }
        let trusted = guard::check(peer, &head, self.secret.as_ref());
        if let (true, Err(refused)) = (endpoint.acts(), &trusted) {
            return refused.reply().into();
        }
        let reply = match endpoint {
            Endpoint::Healthz => Reply::text("ok\n"),
            Endpoint::Readyz => self.ready(),
            Endpoint::Policy => policy::reply(200, &self.told(trusted.is_ok())),
            Endpoint::Reload => self.reload().await,
            Endpoint::Explain => self.explain(body).await,
            Endpoint::Metrics => {
                let accept = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
                self.metrics(Exposition::wanted(&accept.collect::<Vec<_>>().join(","))).await
            }
        };
        reply.into()
    }

    fn ready(&self) -> Reply {
        let reasons = self.standing.hindrances();
        let status = if reasons.is_empty() { 200 } else { 503 };
        Reply::json(status, &serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons }))
    }

    fn told(&self, trusted: bool) -> policy::Policy {
        let reloads = self.progress.now();
        policy::Policy::new(&reloads, self.policy.current().as_ref(), SystemTime::now(), trusted)
    }

    /// Of a large policy the numbers are many: checks must not wait for them.
    async fn metrics(self: Arc<Self>, exposition: Exposition) -> Reply {
        let encode = move || {
            let figures = self.figures(SystemTime::now());
            self.telemetry.metrics().text(figures).map(|text| exposition.of(text))
        };
        match tokio::task::spawn_blocking(encode).await {
            Ok(Ok(text)) => Reply::typed(200, exposition.content_type(), text),
            Ok(Err(_)) | Err(_) => Reply::error(500, "the numbers could not be written down"),
        }
    }

    async fn explain<B>(&self, body: B) -> Reply
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let collected = tokio::time::timeout(BODY, Limited::new(body, MAX_BODY).collect());
        let bytes = match collected.await {
            Ok(Ok(collected)) => collected.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Reply::error(413, "this takes no more than 64 KiB");
            }
            Ok(Err(_)) => return Reply::error(400, "the body breaks off"),
            Err(_) => return Reply::error(408, "the body took too long to arrive"),
        };
        let explainer = Arc::clone(&self.explainer);
        let now = policy::seconds(SystemTime::now()).as_secs();
        // Checks must not wait for what a person wants to know.
        let explained = tokio::task::spawn_blocking(move || explainer.answer(&bytes, now));
        explained.await.unwrap_or_else(|_| Reply::error(500, "the explanation failed"))
    }

    async fn reload(&self) -> Reply {
        tracing::info!("the admin port: the policy is read again");
        match tokio::time::timeout(RELOAD, self.asker.ask_and_hear()).await {
            Ok(Ok(outcome)) => {
                let (status, word) = match (outcome.replaced, &outcome.reloads.last_error) {
                    (_, Some(_)) => (422, "refused"),
                    (true, None) => (200, "reloaded"),
                    (false, None) => (200, "unchanged"),
                };
                policy::outcome(status, word, &self.told(true))
            }
            Ok(Err(_)) => Reply::error(503, "nobody reloads policies any more"),
            Err(_) => Reply::error(504, "the policy is still being read: /policy tells what comes of it"),
        }
    }
}

#[cfg(test)]
mod tests;
