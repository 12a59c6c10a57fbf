//! Where the policy is: a configuration that names it, or its directory.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::compile::{self, Around, Header, Index, Linted, ServiceId};
use crate::config::Config;
use crate::diag::{Report, Sources, Span, did_you_mean};
use crate::engine::HeaderPlan;
use crate::policy::Policy;
use crate::review::Tokens;

/// The configuration in the current directory.
const CONFIG: &str = "doorward.yaml";

/// The policy directory in the current directory.
const POLICIES: &str = "policies";

/// What a command was told to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// A configuration, and the policy directory that it names.
    Config(PathBuf),
    /// A policy directory alone.
    Policies(PathBuf),
}

impl Input {
    /// What was named, else `doorward.yaml`, else `policies`, where they are.
    pub(super) fn choose(config: Option<PathBuf>, policies: Option<PathBuf>) -> Result<Self, Failure> {
        match (config, policies) {
            (Some(config), _) => Ok(Self::Config(config)),
            (None, Some(policies)) => Ok(Self::Policies(policies)),
            (None, None) if Path::new(CONFIG).is_file() => Ok(Self::Config(CONFIG.into())),
            (None, None) if Path::new(POLICIES).is_dir() => Ok(Self::Policies(POLICIES.into())),
            (None, None) => Err(Failure::new(format!(
                "there is no `{CONFIG}` and no directory `{POLICIES}` here: name the configuration or the \
                 policy directory"
            ))),
        }
    }
}

/// A configuration where there is one, and the policy directory.
pub(super) struct Located {
    pub(super) config: Option<Config>,
    /// The policy directory.
    pub(super) directory: PathBuf,
    /// The files of the configuration and what was found in them.
    pub(super) found: (Report, Sources),
}

/// Reads the configuration, where there is one, for where the policy is.
pub(super) fn locate(input: Input) -> Result<Located, Failure> {
    match input {
        Input::Policies(directory) => Ok(Located { config: None, directory, found: Default::default() }),
        Input::Config(path) => {
            let (config, sources, report) = Config::load(&path, &environment);
            match config {
                Some(config) => Ok(Located {
                    directory: config.policies.clone(),
                    config: Some(config),
                    found: (report, sources),
                }),
                None => Err(Failure::Invalid(Box::new((report, sources)))),
            }
        }
    }
}

/// What tokens may carry, by the issuers of a configuration; anything where there
/// is none.
pub(super) fn tokens(config: Option<&Config>) -> Tokens {
    config.map_or(Tokens::ANY, |config| {
        let issuers = &config.identity.issuers;
        Tokens {
            codes: issuers.iter().any(|issuer| !issuer.codes.is_empty()),
            scopes: issuers.iter().any(|issuer| issuer.scopes.is_some()),
        }
    })
}

/// A policy, and what its upstreams are told where a configuration says so.
pub(super) struct Compiled {
    pub(super) index: Index,
    pub(super) headers: Option<HeaderPlan>,
    /// The headers of the configuration, for another policy's plan.
    pub(super) configured: Option<Vec<Header>>,
    /// The policy as it was written.
    pub(super) written: Policy,
    /// Its files, by the names that the compiler knew them by.
    pub(super) files: Sources,
}

/// Reads and compiles a policy directory, adding its files and findings under
/// the names they have from here, and the headers of a configuration. `now`, in
/// seconds since 1970, is for what is told of bindings that expire.
pub(super) fn policy(
    directory: &Path,
    config: Option<&Config>,
    now: u64,
    found: &mut (Report, Sources),
) -> Option<Compiled> {
    let load = |_: Around<'_>| {
        let (loaded, sources, report) = compile::load_written(directory, now);
        let (index, policy) = loaded.unzip();
        Linted { policy, index, sources, report }
    };
    policy_by(directory, config, load, found).compiled
}

/// A policy that was looked at closely.
pub(super) struct Looked {
    pub(super) compiled: Option<Compiled>,
    /// Where a place of the written policy is among all files.
    pub(super) place: Box<dyn Fn(Span) -> Span>,
}

/// As [`policy`], with everything that is only suspicious.
pub(super) fn policy_to_lint(
    directory: &Path,
    config: Option<&Config>,
    now: u64,
    found: &mut (Report, Sources),
) -> Looked {
    policy_by(directory, config, |around| compile::load_to_lint(directory, now, around), found)
}

fn policy_by(
    directory: &Path,
    config: Option<&Config>,
    load: impl FnOnce(Around<'_>) -> Linted,
    found: &mut (Report, Sources),
) -> Looked {
    let headers =
        config.map(|config| compile::upstream_headers(&config.upstream_headers, &found.1, &mut found.0));
    let sent = headers.as_ref().and_then(Option::as_deref);
    let Linted { policy, index, sources, mut report } = load(Around { config: config.zip(sent) });
    if let (Some(index), Some(Some(headers)), Some(config)) = (&index, &headers, config) {
        compile::check_headers(index, headers, &config.header_prefixes, &mut report);
    }
    if let (Some(index), Some(config)) = (&index, config) {
        compile::mapped_roles(index, &config.identity.issuers, &mut found.0);
        compile::redacted_parameters(index, &config.decision_log.redact, &mut found.0);
    }
    let fine = !report.has_errors();
    let place = Box::new(found.0.adopt_and_place(&mut found.1, (report, sources.clone()), directory));
    let compiled = index.zip(policy).filter(|_| fine).and_then(|(index, written)| {
        let configured = match headers {
            None => None,
            Some(headers) => Some(headers?),
        };
        let headers = configured.as_deref().map(|headers| HeaderPlan::new(headers, &index));
        Some(Compiled { index, headers, configured, written, files: sources })
    });
    Looked { compiled, place }
}

/// A service of the policy, where one is named.
pub(super) fn service(index: &Index, name: Option<&str>) -> Result<Option<ServiceId>, Failure> {
    let known = || index.services().map(|(_, service)| &*service.name);
    let find = |name: &str| index.service_named(name).ok_or_else(|| unknown("service", name, known()));
    name.map(find).transpose()
}

/// A name that the policy does not have.
pub(super) fn unknown<'k>(what: &str, name: &str, known: impl Iterator<Item = &'k str>) -> Failure {
    const SHOWN: usize = 10;
    let known: Vec<&str> = known.collect();
    let wrong = format!("the policy has no {what} `{}`", name.escape_debug());
    Failure::new(match (did_you_mean(name, known.iter().copied()), known.as_slice()) {
        (Some(best), _) => format!("{wrong}: did you mean `{best}`?"),
        (None, []) => wrong,
        (None, known) => {
            let names: Vec<&str> = known.iter().take(SHOWN).copied().collect();
            let more = if known.len() > SHOWN { " and more" } else { "" };
            format!("{wrong}; it has {}{more}", names.join(", "))
        }
    })
}

/// A variable of this process. One that is not UTF-8 is as good as not set.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
