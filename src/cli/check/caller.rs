//! Who calls: a token that is verified as ever, or somebody that the command
//! line asserts.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::cli::inputs::environment;
use crate::config::Config;
use crate::diag::{Report, Sources};
use crate::engine::{Headers, Origin, Reason, Subject};
use crate::identity::{Refusal, Verifier};
use crate::trial::{self, Asked};

/// The most that is read of a token file.
const MAX_FILE_BYTES: u64 = 64 << 10;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Caller")]
#[group(id = "caller")]
pub(in crate::cli) struct Args {
    /// A token, which is verified: needs a configuration with issuers. Other users of this machine can read the
    /// arguments of a process; prefer --token-file.
    #[arg(long, value_name = "TOKEN", group = "who")]
    token: Option<String>,
    /// The file that holds the token; `-` is standard input.
    #[arg(long, value_name = "FILE", group = "who")]
    token_file: Option<PathBuf>,
    /// A user id, asserted and not verified.
    #[arg(long, value_name = "USER", group = "who")]
    user: Option<String>,
    /// The roles of --user, separated by commas, by their names in the policy.
    #[arg(long, value_name = "ROLES", value_delimiter = ',', requires = "user")]
    roles: Vec<String>,
    /// The groups of --user, separated by commas.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',', requires = "user")]
    groups: Vec<String>,
    /// The permission codes that the token of --user has of itself, separated by commas.
    #[arg(long, value_name = "CODES", value_delimiter = ',', requires = "user")]
    codes: Vec<String>,
    /// The codes that the scopes of that token leave, separated by commas; none where the text is empty.
    /// Default: no scopes are asked.
    #[arg(long, value_name = "CODES", requires = "user")]
    scopes: Option<String>,
    /// The claims of a token in JSON, asserted and not verified. The configured issuer says which of them are user,
    /// roles and groups; without a configuration `sub`, `roles` and `groups` are.
    #[arg(long, value_name = "JSON", group = "who")]
    claims: Option<String>,
}

/// Who calls, as far as it can be known before the request is decided.
pub(in crate::cli) enum Caller {
    /// Nobody says.
    Nobody,
    /// Whoever the token in the request's headers speaks for.
    Token(Verifier),
    /// Somebody, or a refusal that such claims would meet.
    Asserted(Result<Subject, Refusal>),
}

impl Caller {
    /// Reads the arguments. A token joins the request's headers, where Envoy
    /// would have it too.
    pub(in crate::cli) fn read(
        args: Args,
        config: Option<&Config>,
        found: (Report, Sources),
        request: &mut Asked,
    ) -> Result<Self, Failure> {
        let Args { token, token_file, user, roles, groups, codes, scopes, claims } = args;
        let token = match (token, token_file) {
            (Some(token), _) => Some(token),
            (None, Some(path)) => Some(read(&path)?),
            (None, None) => None,
        };
        if let Some(token) = token {
            request.headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let credential = request.headers.iter().any(|(name, _)| name == "authorization");
        match (user, claims) {
            (None, None) if credential => verifier(config, found).map(Self::Token),
            (None, None) => Ok(Self::Nobody),
            _ if credential => Err(Failure::new(
                "the request has a credential of its own: leave `--user` and `--claims` out",
            )),
            (Some(user), _) => match trial::named(&user, &roles, &groups, &codes) {
                Ok(mut subject) => {
                    let listed =
                        |text: String| text.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
                    subject.scopes = scopes.map(listed);
                    Ok(Self::Asserted(Ok(subject)))
                }
                Err(why) => Err(Failure::new(format!("`--user` is {why}"))),
            },
            (None, Some(claims)) => asserted(&claims, config).map(Self::Asserted),
        }
    }

    /// How it is known.
    pub(in crate::cli) fn origin(&self) -> Origin {
        match self {
            Self::Nobody | Self::Token(_) => Origin::Token,
            Self::Asserted(_) => Origin::Asserted,
        }
    }

    /// Whether the arguments name anybody.
    pub(in crate::cli) fn is_somebody(&self) -> bool {
        !matches!(self, Self::Nobody)
    }

    /// Who it is.
    pub(in crate::cli) fn identify(
        &self,
        headers: Headers<'_>,
        audiences: &[Box<str>],
        now: u64,
    ) -> Result<Subject, Refusal> {
        match self {
            Self::Nobody => Err(Refusal { reason: Reason::TokenMissing, detail: "nobody was named" }),
            Self::Token(verifier) => verifier.authenticate(headers, audiences, now),
            Self::Asserted(subject) => subject.clone(),
        }
    }
}

/// The issuers and their keys. `found` is what was found so far, in the files
/// that the configuration's places lie in.
fn verifier(config: Option<&Config>, mut found: (Report, Sources)) -> Result<Verifier, Failure> {
    let Some(config) = config.filter(|config| !config.identity.issuers.is_empty()) else {
        return Err(Failure::new(
            "a token can only be verified with a configuration that has issuers: name it with `--config`, or \
             assert the caller with `--user` or `--claims`",
        ));
    };
    Verifier::load(&config.identity, &config.directory, &environment, &mut found.0)
        .ok_or_else(|| Failure::Invalid(Box::new(found)))
}

/// Whom a token with these claims would speak for.
fn asserted(text: &str, config: Option<&Config>) -> Result<Result<Subject, Refusal>, Failure> {
    let wrong = || {
        Failure::new("`--claims` is not a JSON object such as '{\"sub\": \"ann\", \"roles\": [\"viewer\"]}'")
    };
    let claims: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
    let issuers = config.map_or(&[][..], |config| &config.identity.issuers);
    trial::claimed(claims, issuers).map_err(Failure::new)
}

fn read(path: &std::path::Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        io::stdin().lock().take(MAX_FILE_BYTES).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text))
    };
    read.map_err(|error| Failure::new(format!("can't read the token from `{}`: {error}", path.display())))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
