//! `doorward.yaml`: how this process runs and whom it trusts.
//!
//! Text in, one [`Config`] out, or every mistake with its place; nothing is
//! bound, opened or fetched here beyond the file itself. The only room that
//! sees environment variables, and only through the function it is given. It
//! knows nothing of policies, tokens or Envoy: whether a key file holds a key
//! is found out by whoever uses it.

mod claim_path;
mod claims;
mod decision_log;
mod deny;
mod headers;
mod identity;
mod keys;
mod limits;
mod listen;
mod read;
mod reload;
mod remote;
mod role_names;
mod schema;
mod shutdown;
mod tokens;
mod traces;
mod units;
mod url_template;
mod variables;

use std::path::{Path, PathBuf};

use crate::diag::{Report, Sources};

pub use claim_path::ClaimPath;
pub use claims::ListClaim;
pub use decision_log::{
    DecisionLog, LocalSocket, LogFile, LogTo, LoggedClaims, Redact, RedactedParameter, Share,
};
pub use deny::{Deny, Login, Origin, Reveal, Title};
pub use headers::{HeaderValue, UpstreamHeader};
pub use identity::{CacheSize, Identity, Issuer, OnAnonymous};
pub use keys::{Algorithm, Family, KeySource, Keys};
pub use limits::Limits;
pub use listen::{AdminListener, ClientName, HttpListener, Listen, Listener, Listeners, Proxy, Tls};
pub use read::MAX_FILE_BYTES;
pub use reload::Reload;
pub use remote::{KeyUrl, Remote};
pub use role_names::{RoleNames, Target};
pub use schema::{SCHEMA, SHAPES};
pub use shutdown::Shutdown;
pub use tokens::{Scheme, TokenSource};
pub use traces::{Otlp, OtlpHeader, ParentTrace, Tracing};
pub use url_template::{Placeholder, UrlTemplate};

/// Where the environment's variables come from.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

/// A whole configuration without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The directory of `doorward.yaml`: relative paths start here.
    pub directory: PathBuf,
    /// Where to listen.
    pub listen: Listeners,
    /// How much the ports for checks take on.
    pub limits: Limits,
    /// How the process goes once it is told to.
    pub shutdown: Shutdown,
    /// The policy directory, joined to [`Config::directory`].
    pub policies: PathBuf,
    /// The directory of a policy that is decided and not enforced, joined to
    /// [`Config::directory`].
    pub policies_candidate: Option<PathBuf>,
    /// What becomes of policies that change while Doorward runs.
    pub reload: Reload,
    /// Whom to believe.
    pub identity: Identity,
    /// The prefixes that names of managed headers may have.
    pub header_prefixes: Vec<String>,
    /// The managed headers, sorted by name; never empty.
    pub upstream_headers: Vec<UpstreamHeader>,
    /// What denied callers are told.
    pub deny: Deny,
    /// What is written about decisions, and where to.
    pub decision_log: DecisionLog,
    /// Of which checks spans are sent, and where to.
    pub tracing: Option<Tracing>,
}

impl Config {
    /// Reads `doorward.yaml`. The report holds every mistake, sorted; there is
    /// a configuration only when none of them is an error.
    pub fn load(path: &Path, env: Environment<'_>) -> (Option<Self>, Sources, Report) {
        let mut sources = Sources::default();
        let mut report = Report::default();
        let config = read::config(path, env, &mut sources, &mut report);
        report.sort(&sources);
        (config.filter(|_| !report.has_errors()), sources, report)
    }

    /// The policy directory that a text of `doorward.yaml` names, as seen from the
    /// file; where it can't be read, the usual one.
    pub fn policies_in(text: &str, env: Environment<'_>) -> String {
        read::policies(text, env)
    }
}
