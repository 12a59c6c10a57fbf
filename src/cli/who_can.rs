//! `doorward who-can`: everybody who can make one request.

use std::path::PathBuf;

use super::inputs::{self, Compiled, Input, Located, locate, policy, tokens};
use super::output::As;
use super::{Exit, Failure, Term, time};
use crate::diag;
use crate::review::TooComplex;
use crate::review::who_can::{self, Question, who_can};
use crate::trial::Asked;
use crate::words::redact;

/// Show who can make a request: the smallest sets of roles, groups and codes that are enough, the users and peers to
/// whom bindings give them, and what else is asked; or why nobody can.
///
/// Exit code 0: somebody can; 1: nobody can; 2: could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The method, exactly as a client sends it. GRPC stands for POST with a gRPC content type.
    #[arg(value_name = "METHOD")]
    method: String,
    /// A whole URL, or a path that begins with `/`. Taken as it is written: nothing is decoded, resolved or tidied.
    #[arg(value_name = "URL")]
    url: String,
    /// The configuration, which names the policy directory. Without this and --policies: `doorward.yaml` here, else
    /// the directory `policies` here.
    #[arg(long, short, value_name = "FILE", help_heading = "Policy")]
    config: Option<PathBuf>,
    /// The policy directory, without a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "config", help_heading = "Policy")]
    policies: Option<PathBuf>,
    /// The service, as Envoy's configuration names it (`context_extensions`). Default: found by host and path.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// The host that is asked. Default: that of the URL, else `localhost`.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// When: RFC 3339, or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

/// Asks and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { method, url, config, policies, service, host, at, format } = args;
    let asked = Asked::new(&method, &url, host.as_deref(), Vec::new(), None).map_err(Failure::new)?;
    let Located { config, directory, mut found } = locate(Input::choose(config, policies)?)?;
    let now = at.map_or_else(time::now, Ok)?;
    let Some(Compiled { index, .. }) = policy(&directory, config.as_ref(), now, &mut found) else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    inputs::service(&index, service.as_deref())?;
    let question = Question {
        method: &method,
        host: &asked.host,
        path: &asked.path,
        service: service.as_deref(),
        at: now,
    };
    let answer = who_can(&index, tokens(config.as_ref()), question).map_err(|TooComplex| {
        Failure::new("who can is not to be told: the policy has more roles, bindings and conditions than can be compared")
    })?;
    let (line, place) =
        (format!("{method} {url}"), |place: &diag::Place| diag::below(&directory, &place.to_string()));
    let told = match format {
        As::Text => who_can::text(&answer, &line, place),
        As::Json => who_can::json(&answer, &line, index.revision(), place),
    };
    term.out(&redact::tokens(&told))?;
    Ok(if answer.is_somebody() { Exit::Fine } else { Exit::Findings })
}
