//! From the path of a configuration file to everything that serving needs, or
//! to all that is wrong. Opens no socket.

use std::path::Path;
use std::sync::Arc;

use super::admin::Explainer;
use super::candidate::Candidate;
use super::connections::Protocol;
use super::otlp;
use super::reload::Reloader;
use super::source::{Found, Source};
use super::tls::{self, Tls};
use super::watch::Watch;
use crate::compile;
use crate::config::{
    AdminListener, Config, Environment, HttpListener, Identity, Limits, Listener, Listeners, LogTo, Shutdown,
    TokenSource, Tracing,
};
use crate::denial::Denials;
use crate::diag::{Code, Diagnostic, Report, Sources};
use crate::forward::Forward;
use crate::gate::{Gate, Live, Snapshot};
use crate::identity::{Secret, Upkeep, Verifier};
use crate::telemetry::{Recent, Telemetry};

/// What was found in one set of files.
#[derive(Debug)]
pub struct Findings {
    /// The findings, sorted.
    pub report: Report,
    /// The files they point into.
    pub sources: Sources,
}

/// Everything that serving needs.
pub(super) struct Start {
    pub(super) listen: Listeners,
    /// The certificates of the port for checks.
    pub(super) tls: Option<Arc<Tls>>,
    /// What answers in HTTP mode, and the certificates of its port.
    pub(super) http: Option<(Forward, Option<Arc<Tls>>)>,
    /// What looks after all certificates.
    pub(super) certificates: Vec<tls::Upkeep>,
    pub(super) limits: Limits,
    pub(super) shutdown: Shutdown,
    pub(super) policy: Arc<Live>,
    /// What answers for it.
    pub(super) gate: Arc<Gate>,
    /// What it tells.
    pub(super) telemetry: Arc<Telemetry>,
    /// What the admin port needs beside the rest.
    pub(super) admin: Admin,
    /// What brings changed policies into force.
    pub(super) reloader: Reloader,
    /// What brings the candidate beside the policy in force.
    pub(super) candidate: Option<Candidate>,
    /// What the keys need.
    pub(super) upkeep: Upkeep,
    /// Where the lines about decisions go.
    pub(super) decision_log: LogTo,
    /// Where spans go, if any do.
    pub(super) tracing: Option<otlp::Plan>,
    /// What is not wrong and yet worth a look.
    pub(super) warnings: Vec<Findings>,
}

/// What the admin port needs beside the rest.
pub(super) struct Admin {
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) secret: Option<Secret>,
    pub(super) explainer: Explainer,
}

/// Reads and checks everything. A configuration with mistakes hides where the
/// policy lies; short of that, the mistakes of all files are told at once.
pub(super) fn load(path: &Path) -> Result<Start, Vec<Findings>> {
    let environment = |name: &str| std::env::var(name).ok();
    let (config, sources, mut report) = Config::load(path, &environment);
    let Some(config) = config else { return Err(vec![Findings { report, sources }]) };
    let Config {
        directory,
        listen,
        limits,
        shutdown,
        policies,
        policies_candidate,
        reload,
        identity,
        header_prefixes,
        upstream_headers,
        deny,
        decision_log,
        tracing,
    } = config;
    let mut certificates = Vec::new();
    let tls = tls_of(&listen.grpc, Protocol::Grpc, &directory, &mut certificates, &mut report);
    let http = listen.http.as_ref().map(|HttpListener { listener, proxy }| {
        (*proxy, tls_of(listener, Protocol::Http1, &directory, &mut certificates, &mut report))
    });
    let admin_tls = listen.admin.as_ref().and_then(|admin| {
        tls_of(&admin.listener, Protocol::Http, &directory, &mut certificates, &mut report)
    });
    let secret = listen.admin.as_ref().and_then(|admin| secret_of(admin, &environment, &mut report));
    let spans = tracing.as_ref().and_then(|t| otlp::prepare(t, &directory, &environment, &mut report));
    let verifier = Verifier::load(&identity, &directory, &environment, &mut report);
    let headers = compile::upstream_headers(&upstream_headers, &sources, &mut report);
    let has_headers = headers.is_some();
    let source =
        Source { directory: policies, headers: headers.unwrap_or_default(), prefixes: header_prefixes };
    let seen = source.list();
    let Found { commit: _, index, findings } = source.read();
    if let Some(index) = &index {
        compile::mapped_roles(index, &identity.issuers, &mut report);
        compile::redacted_parameters(index, &decision_log.redact, &mut report);
    }
    report.sort(&sources);
    let findings = vec![Findings { report, sources }, findings];
    match (verifier, index) {
        (Some(mut verifier), Some(index))
            if has_headers && !findings.iter().any(|f| f.report.has_errors()) =>
        {
            let upkeep = verifier.take_upkeep();
            let plan = source.plan(&index);
            let telemetry = Telemetry::new(&decision_log);
            let telemetry = match &listen.admin {
                Some(_) => telemetry.remembering(Recent::new(token_headers(&identity))),
                None => telemetry,
            };
            let telemetry = Arc::new(match &tracing {
                Some(tracing) => telemetry.tracing(tracing),
                None => telemetry,
            });
            let meters = telemetry.meters(&index);
            let policy = Arc::new(Live::new(Snapshot::new(index, verifier, plan, meters)));
            let denials = Arc::new(Denials::new(&deny));
            let gate = Gate::new(Arc::clone(&policy), Arc::clone(&denials), Arc::clone(&telemetry))
                .at_most(limits.checks);
            let gate = Arc::new(gate);
            let forward = |proxy| Forward::new(Arc::clone(&gate), proxy, source.prefixes.clone());
            Ok(Start {
                listen,
                admin: Admin {
                    tls: admin_tls,
                    secret,
                    explainer: Explainer {
                        policy: Arc::clone(&policy),
                        telemetry: Arc::clone(&telemetry),
                        denials: Arc::clone(&denials),
                        issuers: identity.issuers,
                        directory: source.directory.clone(),
                    },
                },
                candidate: policies_candidate.map(|directory| {
                    let watch = Watch::new(Source { directory, ..source.clone() }, None);
                    Candidate::new(watch, Arc::clone(&policy), Arc::clone(&telemetry))
                }),
                tls,
                http: http.map(|(proxy, tls)| (forward(proxy), tls)),
                certificates,
                limits,
                shutdown,
                reloader: Reloader::new(
                    Watch::new(source, Some(seen)),
                    Arc::clone(&policy),
                    Arc::clone(&telemetry),
                    reload.allow_shrink,
                ),
                gate,
                telemetry,
                upkeep,
                policy,
                decision_log: decision_log.to,
                tracing: spans,
                warnings: findings,
            })
        }
        _ => Err(findings),
    }
}

/// Reads the certificates of all listeners, as serving will, and tells what
/// can't be used.
pub fn check_certificates(listen: &Listeners, directory: &Path, report: &mut Report) {
    let Listeners { grpc, http, admin } = listen;
    let http = http.iter().map(|http| (&http.listener, Protocol::Http1));
    let admin = admin.iter().map(|admin| (&admin.listener, Protocol::Http));
    for (listener, protocol) in [(grpc, Protocol::Grpc)].into_iter().chain(http).chain(admin) {
        tls_of(listener, protocol, directory, &mut Vec::new(), report);
    }
}

/// Looks at what tracing needs, as serving will, and tells what can't be used.
pub fn check_tracing(tracing: &Tracing, directory: &Path, env: Environment<'_>, report: &mut Report) {
    otlp::prepare(tracing, directory, env, report);
}

/// The headers in which tokens stand.
fn token_headers(identity: &Identity) -> Vec<String> {
    let header = |source: &TokenSource| match source {
        TokenSource::Header { name, .. } => Some(name.clone()),
        TokenSource::Cookie(_) => None,
    };
    identity.tokens.iter().filter_map(header).collect()
}

/// The secret of the admin port, if there is one.
fn secret_of(admin: &AdminListener, env: Environment<'_>, report: &mut Report) -> Option<Secret> {
    let (name, span) = admin.secret_env.as_ref()?;
    let secret = match env(name) {
        Some(text) => {
            Secret::new(&text).map_err(|why| format!("the secret in `{name}` can't be used: {why}"))
        }
        None => Err(format!("the environment variable `{name}` is not set")),
    };
    secret
        .map_err(|why| {
            report.push(
                Diagnostic::at(Code::BadVariable, *span, why)
                    .label("this variable")
                    .help("for a new secret: `openssl rand -hex 32`"),
            );
        })
        .ok()
}

/// The certificates of a listener, if it has any. What can't be used is told,
/// and nothing starts then.
fn tls_of(
    listener: &Listener,
    protocol: Protocol,
    directory: &Path,
    certificates: &mut Vec<tls::Upkeep>,
    report: &mut Report,
) -> Option<Arc<Tls>> {
    let tls = listener.tls.as_ref()?;
    let (tls, upkeep) = tls::load(tls, directory, protocol.names(), report)?;
    certificates.push(upkeep);
    Some(tls)
}
