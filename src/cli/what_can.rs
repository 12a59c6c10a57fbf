//! `doorward what-can`: every route for one caller.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::check::caller::{self, Caller};
use super::inputs::{self, Compiled, Input, Located, locate, policy};
use super::output::As;
use super::{Exit, Failure, Term, time};
use crate::engine::{Headers, Principal, Subject};
use crate::review::what::{self, From, Known, what};
use crate::trial::Asked;
use crate::words::redact;

/// Show everything that a caller may call, by service: under which conditions, and what makes it so.
///
/// Without a caller: what may be called without a token.
///
/// Exit code 0: shown; 2: could not run.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration, which names the policy directory. Without this and --policies: `doorward.yaml` here, else
    /// the directory `policies` here.
    #[arg(long, short, value_name = "FILE", help_heading = "Policy")]
    config: Option<PathBuf>,
    /// The policy directory, without a configuration.
    #[arg(long, value_name = "DIR", conflicts_with = "config", help_heading = "Policy")]
    policies: Option<PathBuf>,
    /// Only the routes of this service.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// What the caller may not call, and what is missing.
    #[arg(long)]
    denied: bool,
    /// Where the caller is. Default: not said, so that a route that asks for it says so.
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
    /// The SPIFFE id of the client certificate, taken as verified. Default: not said.
    #[arg(long, value_name = "URI")]
    peer: Option<String>,
    /// When: RFC 3339, or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
    // Last: its heading would hold for whatever came behind it.
    #[command(flatten)]
    caller: caller::Args,
}

/// Asks about every route and prints.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { config, policies, service, denied, source_ip, peer, at, format, caller } = args;
    let mut asked = Asked::new("GET", "/", None, Vec::new(), None).map_err(Failure::new)?;
    let Located { config, directory, mut found } = locate(Input::choose(config, policies)?)?;
    let now = at.map_or_else(time::now, Ok)?;
    let Some(Compiled { index, .. }) = policy(&directory, config.as_ref(), now, &mut found) else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    let only = inputs::service(&index, service.as_deref())?;
    let caller = Caller::read(caller, config.as_ref(), found, &mut asked)?;
    let pairs = asked.pairs();
    let identify = |audiences: &[Box<str>]| caller.identify(Headers::new(&pairs), audiences, now);
    let name = match identify(&[]) {
        Ok(subject) => named(&subject),
        Err(_) if !caller.is_somebody() => {
            peer.clone().map_or("anybody".to_owned(), |peer| peer.escape_debug().to_string())
        }
        Err(refusal) => format!("nobody ({})", refusal.reason.as_str()),
    };
    let from = From { source: source_ip, peer: peer.as_deref().filter(|peer| !peer.is_empty()), now };
    let found = what(&index, only, from, |service| -> Known {
        let subject = identify(&service.audiences).map_err(|refusal| (refusal.reason, refusal.detail))?;
        Ok(Arc::new(Principal::resolve(&index, subject)))
    });
    let told = match format {
        As::Text => what::text(&found, &name, denied),
        As::Json => what::json(&found, index.revision(), &name, denied),
    };
    term.out(&redact::tokens(&told))?;
    Ok(Exit::Fine)
}

/// The caller in a word.
fn named(subject: &Subject) -> String {
    let user = subject.user.escape_debug();
    match subject.roles.as_slice() {
        [] => user.to_string(),
        roles => format!("{user} ({})", roles.join(", ").escape_debug()),
    }
}
