//! `doorward check`: decide one request offline, and say why.
//!
//! The engine that decides here is the one that decides for Envoy, asked about
//! a request that only this command line has seen.

pub(super) mod caller;
mod request;
pub(super) mod show;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use self::caller::Caller;
use self::show::Outcome;
use super::inputs::{Compiled, Input, Located, locate, policy};
use super::output::As;
use super::{Exit, Failure, Term, time};
use crate::config::OnAnonymous;
use crate::denial::Denials;
use crate::engine::{self, Headers, Principal};
use crate::trial::Court;
use crate::words::redact;

/// Decide one request offline, and explain the decision step by step.
///
/// Exit code 0: allowed; 1: denied; 2: could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The method, exactly as a client sends it. GRPC stands for POST with a gRPC content type.
    #[arg(value_name = "METHOD")]
    method: String,
    /// A whole URL, or a path that begins with `/`. Taken as it is written: nothing is decoded, resolved or tidied.
    #[arg(value_name = "URL")]
    url: String,
    /// The configuration: whom to believe, what the upstream is told, and where the policy is. Without this
    /// and --policies: `doorward.yaml` here, else the directory `policies` here.
    #[arg(long, short, value_name = "FILE", help_heading = "Policy")]
    config: Option<PathBuf>,
    /// The policy directory, without a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "config", help_heading = "Policy")]
    policies: Option<PathBuf>,
    /// The service, as Envoy's configuration names it (`context_extensions`). Default: found by host and path.
    #[arg(long, value_name = "NAME", help_heading = "Request")]
    service: Option<String>,
    /// The host that is asked. Default: that of the URL, else `localhost`.
    #[arg(long, value_name = "HOST", help_heading = "Request")]
    host: Option<String>,
    /// A request header, 'name: value'. May be given several times.
    #[arg(long, short = 'H', value_name = "HEADER", help_heading = "Request")]
    header: Vec<String>,
    /// The body, which Envoy is taken to send whole. It is JSON, unless a header `content-type` says otherwise.
    /// Default: none is sent.
    #[arg(long, value_name = "BODY", help_heading = "Request")]
    body: Option<String>,
    /// The address that the request comes from. Default: 127.0.0.1.
    #[arg(long, value_name = "ADDRESS", help_heading = "Request")]
    source_ip: Option<IpAddr>,
    /// Who is at the other end of a connection with mutual TLS: the SPIFFE id of the client certificate, taken as
    /// verified. Default: no certificate.
    #[arg(long, value_name = "URI", help_heading = "Request")]
    peer: Option<String>,
    /// When the request is made: RFC 3339, or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time::instant, help_heading = "Request")]
    at: Option<u64>,
    /// How to print the decision.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
    // Last: its heading would hold for whatever came behind it.
    #[command(flatten)]
    caller: caller::Args,
}

/// Where requests come from if nobody says so.
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Stands where the id of a decision would: what is only tried has none.
const NO_ID: &str = "00000000000000000000000000000000";

/// Decides and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args {
        method,
        url,
        config,
        policies,
        caller,
        service,
        host,
        header,
        body,
        source_ip,
        peer,
        at,
        format,
    } = args;
    let mut request = request::read(&method, &url, host.as_deref(), &header, body)?;
    let Located { config, directory, mut found } = locate(Input::choose(config, policies)?)?;
    let now = at.map_or_else(time::now, Ok)?;
    let Compiled { index, headers: plan, .. } = match policy(&directory, config.as_ref(), now, &mut found) {
        Some(compiled) => compiled,
        None => return Err(Failure::Invalid(Box::new(found))),
    };
    let caller = Caller::read(caller, config.as_ref(), found, &mut request)?;

    let pairs = request.pairs();
    let headers = Headers::new(&pairs);
    let input = engine::Input {
        method: &request.method,
        host: &request.host,
        path: &request.path,
        service: service.as_deref(),
        source: Some(source_ip.unwrap_or(LOCALHOST)),
        peer: peer.as_deref().filter(|uri| !uri.is_empty()),
        headers,
        scheme: &request.scheme,
        body: request.body.as_deref().map(str::as_bytes),
        now,
    };
    let origin = caller.origin();
    let denials = config.as_ref().map_or_else(Denials::default, |config| Denials::new(&config.deny));
    let court = Court {
        index: &index,
        headers: plan.as_ref(),
        denials: &denials,
        on_anonymous: config.as_ref().map_or_else(OnAnonymous::default, |c| c.identity.on_anonymous),
    };
    let mut trial = court.decide(NO_ID, &input, origin, |service| {
        let subject = caller
            .identify(headers, &service.audiences, now)
            .map_err(|refusal| (refusal.reason, refusal.detail))?;
        Ok(Arc::new(Principal::resolve(&index, subject)))
    });
    trial.explanation.map_places(|place| crate::diag::below(&directory, place));

    let outcome = Outcome {
        trial: &trial,
        request: &request,
        service: service.as_deref(),
        source: source_ip.unwrap_or(LOCALHOST),
        source_assumed: source_ip.is_none(),
        peer: input.peer,
        origin,
        anybody: Some(caller.is_somebody()),
        directory: &directory,
        index: &index,
    };
    let text = match format {
        As::Text => show::text(&outcome, term),
        As::Json => show::json(&outcome),
    };
    term.out(&redact::tokens(&text))?;
    Ok(if trial.decision.reason.is_allowed() { Exit::Fine } else { Exit::Findings })
}
