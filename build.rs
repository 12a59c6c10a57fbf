//! Tells the binary which git revision it was built from. Built from an
//! archive, or without git, it simply says none.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=DOORWARD_REVISION");
    let revision = std::env::var("DOORWARD_REVISION").ok().filter(|r| !r.is_empty()).or_else(from_git);
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match revision {
        Some(revision) => println!("cargo::rustc-env=DOORWARD_VERSION={version} ({revision})"),
        None => println!("cargo::rustc-env=DOORWARD_VERSION={version}"),
    }
}

fn from_git() -> Option<String> {
    let here = std::env::var("CARGO_MANIFEST_DIR").ok()?;
    // Unpacked inside somebody else's repository, its revision is not ours.
    let top = git(&here, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != Path::new(&here).canonicalize().ok()? {
        return None;
    }
    watch(&here, "HEAD");
    if let Some(branch) = git(&here, &["symbolic-ref", "-q", "HEAD"]) {
        watch(&here, &branch);
        watch(&here, "packed-refs");
    }
    git(&here, &["rev-parse", "--short=12", "HEAD"])
}

/// Asks cargo to run this again when a file of git's changes. A file that does
/// not exist is left out: cargo would run this on every build.
fn watch(here: &str, name: &str) {
    if let Some(path) = git(here, &["rev-parse", "--git-path", name])
        && let path = Path::new(here).join(path)
        && path.exists()
    {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

fn git(here: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(here).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
