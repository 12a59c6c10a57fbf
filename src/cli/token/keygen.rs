//! `doorward token keygen`: a key pair, or a secret.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::algorithm;
use crate::cli::{Exit, Failure, Term};
use crate::config::{Algorithm, Family};
use crate::identity::devkey::{self, DevKey};

/// Make a development key: a private key to mint tokens with, and the JWKS that `doorward.yaml` names.
///
/// For an HS algorithm a secret is printed instead, for an environment variable.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the key is for.
    #[arg(long, short, value_name = "NAME", value_parser = algorithm(), default_value = "RS256")]
    algorithm: Algorithm,
    /// The file for the private key (PKCS#8 in PEM), readable by its owner alone.
    #[arg(long, value_name = "FILE")]
    private: Option<PathBuf>,
    /// The file for the public key (a JWKS).
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// Replace files that exist: every token of the old key becomes worthless.
    #[arg(long)]
    force: bool,
}

/// Makes a key and writes it.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { algorithm, private, jwks, force } = args;
    let name = algorithm.as_str();
    let (private, jwks) = match (private, jwks) {
        (None, None) if algorithm.family() == Family::Hmac => {
            let secret =
                devkey::secret().map_err(|error| Failure::new(format!("can't make a secret: {error}")))?;
            term.out(&format!("{secret}\n"))?;
            return Ok(Exit::Fine);
        }
        _ if algorithm.family() == Family::Hmac => {
            return Err(Failure::new(format!(
                "`{name}` has a secret and no key files: leave `--private` and `--jwks` out, and put the \
                 secret that is printed into an environment variable"
            )));
        }
        (Some(private), Some(jwks)) => (private, jwks),
        _ => return Err(Failure::new("name both files: `--private key.pem --jwks jwks.json`")),
    };
    if private == jwks {
        return Err(Failure::new("`--private` and `--jwks` name the same file"));
    }
    if !force && let Some(taken) = [&private, &jwks].into_iter().find(|path| path.symlink_metadata().is_ok())
    {
        return Err(Failure::new(format!("`{}` exists already: `--force` replaces it", taken.display())));
    }
    let key = DevKey::generate(algorithm).map_err(|error| Failure::new(error.to_string()))?;
    for path in [&private, &jwks] {
        make_way(path)?;
    }
    key.write(&private, &jwks).map_err(|error| Failure::new(format!("can't write the key: {error}")))?;
    term.out(&format!(
        "{} holds the private key: keep it out of git\n{} holds the public key: name it in `keys: {{ file: .. }}`\n\
         algorithm {name}, key id {}\n",
        private.display(),
        jwks.display(),
        key.key_id(),
    ))?;
    Ok(Exit::Fine)
}

/// Makes room for a new file: a file that is there goes, so that the new one
/// gets permissions of its own, and its directory comes to be.
fn make_way(path: &Path) -> Result<(), Failure> {
    let fault = |what: &str, error| Failure::new(format!("can't {what} `{}`: {error}", path.display()));
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(|error| fault("make the directory of", error))?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("replace", error)),
        _ => Ok(()),
    }
}
