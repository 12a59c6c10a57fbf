//! What is asked, of what policy.

use std::fs;
use std::path::Path;

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;

use crate::load::Load;
use crate::support::checks::{self, Issuer};
use crate::support::policy::Size;

/// A kind of request, and a policy that decides it.
#[derive(Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// Routes and roles of the policy.
    pub(crate) routes: usize,
    roles: usize,
    asked: Asked,
    /// Different tokens, one after the other; 0 for none at all.
    tokens: usize,
    headers: usize,
    /// Every decision is written to standard output. (Counting can't be turned off.)
    told: bool,
    /// Tokens are remembered.
    remembered: bool,
    hurts: Option<Hurts>,
}

/// What is large about a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hurts {
    /// A hundred headers.
    Headers,
    /// A token of almost 8 KiB.
    Token,
    /// A path of 4 KB.
    Path,
    /// A body of 64 KB, which Envoy sends along.
    Body,
}

/// Which routes are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// One that the caller may read.
    One,
    /// One that needs no caller.
    Anonymous,
    /// One that the caller may not use.
    Denied,
    /// One that the caller may read, below which paths may go on.
    Path,
    /// Many, spread over the whole policy, by a caller who may read them.
    Many,
}

/// The hot token: the one that the goals are about.
const HOT: Workload = Workload {
    name: "hot, log on",
    routes: 1_000,
    roles: 50,
    asked: Asked::One,
    tokens: 1,
    headers: 16,
    told: true,
    remembered: true,
    hurts: None,
};

const QUIET: Workload = Workload { name: "hot", told: false, ..HOT };

/// All.
pub(crate) const ALL: [Workload; 17] = [
    HOT,
    QUIET,
    Workload { name: "hot, 12 headers", headers: 12, ..QUIET },
    Workload { name: "hot, 40 headers", headers: 40, ..QUIET },
    Workload { name: "anonymous", asked: Asked::Anonymous, tokens: 0, ..QUIET },
    Workload { name: "denial", asked: Asked::Denied, ..QUIET },
    Workload { name: "denial, log on", asked: Asked::Denied, ..HOT },
    Workload { name: "10,000 tokens", tokens: 10_000, ..QUIET },
    Workload { name: "each token anew", remembered: false, ..QUIET },
    Workload { name: "10 routes", routes: 10, asked: Asked::Many, ..QUIET },
    Workload { name: "1,000 routes", asked: Asked::Many, ..QUIET },
    Workload { name: "100,000 routes", routes: 100_000, asked: Asked::Many, ..QUIET },
    Workload { name: "1,000 roles", roles: 1_000, ..QUIET },
    Workload { name: "hurts: 100 headers", hurts: Some(Hurts::Headers), ..QUIET },
    Workload { name: "hurts: 8 KB token", hurts: Some(Hurts::Token), ..QUIET },
    Workload { name: "hurts: 4 KB path", hurts: Some(Hurts::Path), asked: Asked::Path, ..QUIET },
    Workload { name: "hurts: 64 KB body", hurts: Some(Hurts::Body), ..QUIET },
];

/// Checks of [`Asked::Many`], of as many routes where there are that many.
const PATHS: usize = 10_000;

/// Places of routes in a resource of the policy.
const READ: usize = 2;
const DELETE: usize = 4;
const FILES: usize = 7;
const HEALTH: usize = 9;

impl Workload {
    /// Writes configuration, keys and policy.
    pub(crate) fn write(&self, issuer: &Issuer, folder: &Path) {
        self.size().write(&folder.join("policies"));
        let log = if self.told { "{ to: stdout, allow: 1 }" } else { "{ to: none }" };
        configure(issuer, if self.remembered { 10_000 } else { 0 }, log, "127.0.0.1:0", folder);
    }

    fn size(&self) -> Size {
        Size::of(self.routes, self.roles)
    }

    /// Whether the policy allows it.
    pub(crate) fn is_allowed(&self) -> bool {
        self.asked != Asked::Denied
    }

    /// The checks.
    pub(crate) fn load(&self, issuer: &Issuer) -> Load {
        let last = format!("r{}", self.roles - 1);
        let roles: &[&str] = match self.asked {
            Asked::One | Asked::Path | Asked::Denied => &["r0", &last],
            Asked::Anonymous => &[],
            Asked::Many => &["all"],
        };
        let more = if self.hurts == Some(Hurts::Token) { 5_300 } else { 0 };
        let tokens: Vec<String> = (0..self.tokens).map(|user| issuer.token(user, roles, more)).collect();
        let size = self.size();
        let services = size.services;
        let place = match self.asked {
            Asked::One | Asked::Many => READ,
            Asked::Path => FILES,
            Asked::Anonymous => HEALTH,
            Asked::Denied => DELETE,
        };
        // Requests of one service lie as far apart as there are services.
        let met = |turn: usize| {
            let resource = turn / services % (size.routes / 10);
            size.request((resource * 10 + place) * services + turn % services)
        };
        // As many bodies for few routes as for many: the same client asks.
        let bodies = if self.asked == Asked::Many { PATHS } else { self.tokens.max(1) };
        Load::new((0..bodies).map(|turn| {
            let token = tokens.get(turn % tokens.len().max(1));
            let number = if self.asked == Asked::Many { turn } else { 0 };
            let mut met = met(number);
            if self.hurts == Some(Hurts::Path) {
                met.path.push_str(&format!("/{}", "a".repeat(99)).repeat(40));
            }
            let mut check = checks::check(&met, self.headers, token.map(String::as_str));
            self.enlarge(&mut check);
            check
        }))
    }

    fn enlarge(&self, check: &mut CheckRequest) {
        let attributes = check.attributes.as_mut().unwrap();
        let http = attributes.request.as_mut().unwrap().http.as_mut().unwrap();
        match self.hurts {
            Some(Hurts::Headers) => {
                let missing = 100 - http.headers.len();
                let more = (0..missing).map(|n| (format!("x-more-{n}"), format!("value of header {n}")));
                http.headers.extend(more);
            }
            Some(Hurts::Body) => {
                http.headers.insert("x-envoy-auth-partial-body".to_owned(), "false".to_owned());
                http.raw_body = vec![b'x'; 64_000];
            }
            Some(Hurts::Token | Hurts::Path) | None => {}
        }
    }
}

/// Writes configuration and keys: so many tokens are remembered, decisions are told so,
/// checks are taken there.
pub(crate) fn configure(issuer: &Issuer, tokens: usize, log: &str, listen: &str, folder: &Path) {
    fs::write(folder.join("jwks.json"), issuer.jwks()).unwrap();
    let config = format!(
        "listen: {{ grpc: \"{listen}\", admin: 127.0.0.1:0 }}
identity:
  cache: {{ entries: {tokens} }}
  issuers:
    - issuer: {}
      audiences: [shop]
      algorithms: [RS256]
      keys: {{ file: jwks.json }}
      roles: roles
upstream_headers: {{ x-user-id: user.id, x-user-roles: user.roles }}
decision_log: {log}
",
        checks::ISSUER
    );
    fs::write(folder.join("doorward.yaml"), config).unwrap();
}
