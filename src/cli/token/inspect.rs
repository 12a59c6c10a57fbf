//! `doorward token inspect`: what one token is, and what each check says of it.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::inputs::{Compiled, Input, Located, environment, locate, policy};
use crate::cli::output::As;
use crate::cli::{Exit, Failure, Term, time};
use crate::compile::Index;
use crate::engine::{Held, Principal, ReadAs, Reading};
use crate::identity::Verifier;
use crate::identity::inspect::{Inspection, Outcome};
use crate::words::redact;

/// Say what the token on standard input is, what every check says of it, and who would call with it.
///
/// The token and its signature are not printed. Keys that are fetched by a running server are not fetched here:
/// save them to a file to check the signature.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The configuration [default: `doorward.yaml`].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The service that the token is for, where it has audiences of its own.
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Decide as if it were this time: seconds since 1970, or such as `2027-03-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time::instant)]
    at: Option<u64>,
    /// How to print it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: As,
}

/// More than any token that is looked at.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

/// Inspects and prints. A token that would be refused is a finding.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { config, service, at, format } = args;
    let Located { config, directory, mut found } = locate(Input::choose(config, None)?)?;
    let Some(config) = config else {
        return Err(Failure::new(
            "a token can only be inspected with a configuration: name it with `--config`",
        ));
    };
    let now = at.map_or_else(time::now, Ok)?;
    let Some(Compiled { index, .. }) = policy(&directory, Some(&config), now, &mut found) else {
        return Err(Failure::Invalid(Box::new(found)));
    };
    let loaded = Verifier::load(&config.identity, &config.directory, &environment, &mut found.0);
    let Some(verifier) = loaded else { return Err(Failure::Invalid(Box::new(found))) };
    let audiences = match &service {
        None => &[][..],
        Some(name) => {
            let service = index.service_named(name).and_then(|id| index.service(id));
            &service.ok_or_else(|| Failure::new(format!("the policy has no service `{name}`")))?.audiences
        }
    };
    let told = verifier.inspect(&token()?, audiences, now);
    let principal = told.subject.clone().map(|subject| Principal::resolve(&index, subject));
    let text = match format {
        As::Text => text(&told, principal.as_ref(), &index, now),
        As::Json => format!("{:#}\n", object(&told, principal.as_ref(), &index)),
    };
    term.out(&redact::tokens(&text))?;
    Ok(if told.refusal().is_none() { Exit::Fine } else { Exit::Findings })
}

/// From standard input alone: arguments stand in process lists and histories.
fn token() -> Result<String, Failure> {
    let input = io::stdin();
    if input.is_terminal() {
        return Err(Failure::new("pipe the token in: `doorward token inspect < token`"));
    }
    let mut text = String::new();
    let read = input.lock().take(MAX_INPUT_BYTES).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("can't read the token from standard input: {error}")))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

fn text(told: &Inspection, principal: Option<&Principal>, index: &Index, now: u64) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a text can't fail.
        let _ = writeln!(out, "{name:<16} {value}");
    };
    for (name, value) in
        [("alg", &told.algorithm), ("typ", &told.typ), ("kid", &told.key_id), ("issuer", &told.issuer)]
    {
        line(name, &value.as_ref().map_or("none".to_owned(), |value| value.escape_debug().to_string()));
    }
    if let Some(expires) = told.expires {
        let distance = i128::from(expires) - i128::from(now);
        line("expires", &format!("{expires}, {distance} s from now"));
    }
    for check in &told.checks {
        line(
            check.name,
            &match check.outcome {
                Outcome::Holds => "holds".to_owned(),
                Outcome::Refuses(refusal) => refusal.to_string(),
                Outcome::Open => "can't be told".to_owned(),
            },
        );
    }
    if let Some(principal) = principal {
        let held = Held::everywhere(index, principal);
        line("user", &principal.subject().user.escape_debug().to_string());
        for read_as in &principal.subject().read_as {
            line("name", &read_as.to_string());
        }
        line("roles", &joined(held.role_names().into_iter()));
        line("groups", &joined(principal.subject().groups.iter().map(String::as_str)));
        line("codes", &joined(held.codes()));
    }
    line(
        "result",
        &match told.refusal() {
            None => "the token is accepted".to_owned(),
            Some(refusal) => format!("the token is refused: {}", refusal.reason.as_str()),
        },
    );
    out
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| name.escape_debug().to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn object(told: &Inspection, principal: Option<&Principal>, index: &Index) -> Value {
    let checks: Vec<Value> = told
        .checks
        .iter()
        .map(|check| match check.outcome {
            Outcome::Holds => json!({ "check": check.name, "outcome": "holds" }),
            Outcome::Refuses(refusal) => json!({
                "check": check.name,
                "outcome": "refuses",
                "reason": refusal.reason.as_str(),
                "detail": refusal.detail,
            }),
            Outcome::Open => json!({ "check": check.name, "outcome": "open" }),
        })
        .collect();
    let caller = principal.map(|principal| {
        let held = Held::everywhere(index, principal);
        json!({
            "user": principal.subject().user,
            "names": principal.subject().read_as.iter().map(name).collect::<Vec<_>>(),
            "roles": held.role_names(),
            "groups": principal.subject().groups,
            "codes": held.codes().collect::<Vec<_>>(),
        })
    });
    json!({
        "alg": told.algorithm,
        "typ": told.typ,
        "kid": told.key_id,
        "issuer": told.issuer,
        "expires": told.expires,
        "checks": checks,
        "caller": caller,
        "reason": told.refusal().map(|refusal| refusal.reason.as_str()),
    })
}

/// What became of a role name of the token.
fn name(read_as: &ReadAs) -> Value {
    match &read_as.reading {
        Reading::Roles(roles) => json!({ "name": read_as.name, "roles": roles }),
        Reading::Nothing(why) => json!({ "name": read_as.name, "roles": [], "why": why }),
    }
}
