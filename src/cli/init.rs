//! `doorward init`: a starter that runs as it stands.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Exit, Failure, Term};
use crate::config::Algorithm;
use crate::identity::devkey::DevKey;

/// Write a starter configuration, policy, development key and Envoy configuration that run as they stand.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The directory: a new one, or an empty one.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// What is written, but for the keys.
const FILES: [(&str, &str); 8] = [
    ("README.md", include_str!("init/README.md")),
    ("doorward.yaml", include_str!("init/doorward.yaml")),
    ("policies/roles.yaml", include_str!("init/roles.yaml")),
    ("policies/services/app.yaml", include_str!("init/app.yaml")),
    ("policies/tests.yaml", include_str!("init/tests.yaml")),
    ("envoy.yaml", include_str!("init/envoy.yaml")),
    ("upstream.py", include_str!("init/upstream.py")),
    (".gitignore", include_str!("init/gitignore")),
];

/// As `init/doorward.yaml` says.
const ALGORITHM: Algorithm = Algorithm::ES256;

/// Writes everything, and says what to do next.
pub(super) fn run(args: Args, term: Term) -> Result<Exit, Failure> {
    let Args { directory } = args;
    must_be_empty(&directory)?;
    let key = DevKey::generate(ALGORITHM).map_err(|error| Failure::new(error.to_string()))?;
    let mut written = String::new();
    for (name, text) in FILES {
        write(&directory.join(name), text)?;
        written.push_str(&format!("  {}\n", directory.join(name).display()));
    }
    let (private, jwks) = (directory.join("keys/dev.pem"), directory.join("keys/jwks.json"));
    make_directory(&private)?;
    key.write(&private, &jwks).map_err(|error| Failure::new(format!("can't write the key: {error}")))?;
    term.out(&format!(
        "wrote\n{written}  {}\n  {} (private: git ignores it)\n\nnext\n  cd {}\n  doorward lint\n  doorward test\n  \
         doorward check GET /notes/7 --user ann --roles reader\n  doorward serve\n\nREADME.md there goes on with \
         Envoy.\n",
        jwks.display(),
        private.display(),
        directory.display(),
    ))?;
    Ok(Exit::Fine)
}

fn must_be_empty(directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    match fs::read_dir(directory).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Failure::new(format!("`{shown}` is not empty: name a new directory"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::new(format!("can't use `{shown}`: {error}"))),
    }
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    make_directory(path)?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::new(format!("can't write `{}`: {error}", path.display())))
}

fn make_directory(path: &Path) -> Result<(), Failure> {
    let Some(directory) = path.parent() else { return Ok(()) };
    fs::create_dir_all(directory)
        .map_err(|error| Failure::new(format!("can't make `{}`: {error}", directory.display())))
}
