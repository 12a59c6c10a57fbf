//! `doorward token mint`: a signed token.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::algorithm;
use crate::cli::inputs::environment;
use crate::cli::{Exit, Failure, Term, time};
use crate::config::Algorithm;
use crate::identity::mint::{Claims, Signer};

/// The most that is read of a key file.
const MAX_KEY_BYTES: u64 = 64 << 10;

/// Mint a development token and print it.
#[derive(Debug, clap::Args)]
#[group(id = "mint")]
pub(crate) struct Args {
    /// The token's `iss`, exactly as `doorward.yaml` has it.
    #[arg(long, value_name = "ISSUER")]
    issuer: String,
    /// The token's `aud`. May be given several times.
    #[arg(long, value_name = "AUDIENCE", required = true)]
    audience: Vec<String>,
    /// The token's `sub`: the user id.
    #[arg(long, value_name = "USER")]
    user: String,
    /// The token's `roles`, separated by commas.
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
    /// The token's `groups`, separated by commas.
    #[arg(long, value_name = "GROUPS", value_delimiter = ',')]
    groups: Vec<String>,
    /// How long it is valid: seconds, or a number and `s`, `m`, `h` or `d`. A negative time makes a token that
    /// has expired.
    #[arg(long, value_name = "TIME", default_value = "1h", allow_hyphen_values = true, value_parser = time::span)]
    expires_in: i64,
    /// Another claim, its value in JSON: 'tenant="acme"', 'age=42'. It replaces what the other arguments say.
    #[arg(long, value_name = "NAME=JSON")]
    claim: Vec<String>,
    /// The private key to sign with (PKCS#8 in PEM), as `doorward token keygen` writes it.
    #[arg(long, value_name = "FILE", required_unless_present = "secret_env")]
    key: Option<PathBuf>,
    /// The environment variable that holds the secret to sign with.
    #[arg(long, value_name = "NAME", conflicts_with = "key")]
    secret_env: Option<String>,
    /// The signature algorithm. Default: the usual one of the key, HS256 with a secret.
    #[arg(long, short, value_name = "NAME", value_parser = algorithm())]
    algorithm: Option<Algorithm>,
}

/// Mints a token and prints it, alone on a line.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { issuer, audience, user, roles, groups, expires_in, claim, key, secret_env, algorithm } = args;
    let claims =
        Claims { issuer, audiences: audience, user, roles, groups, expires_in, extra: extra(&claim)? };
    let signer = match (key, secret_env) {
        (Some(path), _) => Signer::from_pem(&text(&path)?, algorithm),
        (None, Some(name)) => {
            let secret = environment(&name).ok_or_else(|| {
                Failure::new(format!("the environment variable `{}` is not set", name.escape_debug()))
            })?;
            Signer::from_secret(&secret, algorithm.unwrap_or(Algorithm::HS256))
        }
        (None, None) => return Err(Failure::new("name the key with `--key` or `--secret-env`")),
    };
    let fault = |error: crate::identity::mint::MintError| Failure::new(error.to_string());
    let signer = signer.map_err(fault)?;
    let now = time::now()?;
    let token = signer.sign(&claims.at(now)).map_err(fault)?;
    term.out(&format!("{token}\n"))?;
    Ok(Exit::Fine)
}

/// `NAME=JSON`, each name once.
fn extra(written: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut claims = Map::new();
    for text in written {
        let Some((name, json)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Failure::new("a claim is written `NAME=JSON`, such as 'tenant=\"acme\"'"));
        };
        let shown = name.escape_debug();
        let value: Value = serde_json::from_str(json).map_err(|_| {
            Failure::new(format!(
                "the value of `--claim {shown}=` is not JSON: write texts in quotes, '{shown}=\"..\"'"
            ))
        })?;
        if claims.insert(name.to_owned(), value).is_some() {
            return Err(Failure::new(format!("`--claim {shown}=` stands here twice")));
        }
    }
    Ok(claims)
}

fn text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_KEY_BYTES).read_to_string(&mut text))
        .map_err(|error| Failure::new(format!("can't read the key `{}`: {error}", path.display())))?;
    Ok(text)
}
