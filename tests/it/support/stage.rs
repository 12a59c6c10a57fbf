//! An example on stage: its folder as it stands, behind the shipped Envoy with the few lines changed
//! that its README says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use doorward::config::Config;
use doorward::diag::{Format, Report, Sources, render};
use doorward::policy::{Limits, read_folder};
use doorward::proxy::{Managed, inspect};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::http1::Answer;
use super::key::now;
use super::mesh::{Door, Mesh, San, Way};
use super::stack::root;
use crate::readme::{Example, Row};

/// A running example. Who has a certificate calls at a door of the Envoy guide, everybody else as ever.
pub(crate) struct Stage {
    pub(crate) mesh: Mesh,
    ways: BTreeMap<String, Way>,
    issuer: String,
    audience: String,
}

impl Stage {
    pub(crate) fn start(example: &Example) -> Self {
        let path = example.folder.join("doorward.yaml");
        let config = Config::load(&path, &|_| None).0.expect("a configuration without a mistake");
        let issuer = config.identity.issuers.into_iter().next().expect("an issuer");
        let edit = |shipped: String| {
            let text = changed(routed(&shipped, example), example);
            let found = holes(&text);
            // An example may sit behind a balancer whose word on addresses is believed.
            let meant = text.contains("listener.proxy_protocol") && found.matches("[DW4").count() == 1;
            assert!(found.is_empty() || (meant && found.contains("[DW434]")), "{found}");
            text
        };
        let peers = example.callers.iter().filter_map(|(name, caller)| Some((name, caller.peer.as_ref()?)));
        let doors = if peers.clone().next().is_some() { &[Door::Required][..] } else { &[] };
        let mesh = Mesh::start(path.to_str().unwrap(), doors, &edit);
        let way = |peer: &String| mesh.with(Door::Required, &[San::Uri(peer.clone().leak())]);
        let ways = peers.map(|(name, peer)| (name.clone(), way(peer))).collect();
        Self { mesh, ways, issuer: issuer.issuer, audience: issuer.audiences[0].clone() }
    }

    /// A token with these claims and those that every token has.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let mut all = json!({ "iss": self.issuer, "aud": self.audience, "iat": now(), "exp": now() + 600 });
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.mesh.stack.key.sign(&all)
    }

    /// Sends what a row says.
    pub(crate) fn send(&self, row: &Row, claims: Option<&Value>) -> Answer {
        let mut request = self.mesh.stack.request(&row.method, &row.path);
        if let Some(way) = self.ways.get(&row.who) {
            request = request.by(way);
        }
        if let Some(claims) = claims {
            request = request.token(&self.token(claims));
        }
        if let Some(address) = &row.source {
            request = request.source(address);
        }
        if let Some(body) = &row.body {
            request = request.json(body);
        }
        request.send()
    }
}

/// What `doorward envoy` says of a configuration.
fn holes(text: &str) -> String {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let file = sources.add("envoy.yaml", text);
    inspect(file, text, &Managed::default(), &[], &mut report).expect("a configuration of Envoy");
    render(&report, &sources, Format::Text { color: false })
}

/// The shipped configuration with routes to the example's services, all to one upstream.
fn routed(shipped: &str, example: &Example) -> String {
    let (before, rest) =
        shipped.split_once("              - match: { path_separated_prefix: /events }").unwrap();
    let (_, after) = rest.split_once("              # [hard] Every request has a route").unwrap();
    let own = blocks(&example.folder, "envoy-route");
    let routes = if own.is_empty() { routes(example) } else { own };
    let routes = Regex::new("cluster: [a-z-]+").unwrap().replace_all(&routes, "cluster: events").into_owned();
    let routes: String = routes.lines().map(|line| format!("              {line}\n")).collect();
    format!("{before}{}              # [hard] Every request has a route{after}", routes)
}

/// What the index of the examples shows, for every path of every service.
fn routes(example: &Example) -> String {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policies = example.folder.join("policies");
    let policy = read_folder(&policies, Limits::default(), &mut sources, &mut report).unwrap();
    let shown = blocks(&root().join("examples"), "envoy-route");
    let routes = policy.services.iter().flat_map(|service| {
        let paths = service.paths.iter().map(|path| path.value.to_string());
        paths.map(|path| shown.replace("/tenants", &path).replace("orders", service.name.value.as_str()))
    });
    routes.collect()
}

/// Lines of the README, where it says that they belong.
fn changed(text: String, example: &Example) -> String {
    let places =
        [("envoy-listener", "    filter_chains:\n"), ("envoy-filter", "              grpc_service:\n")];
    places.iter().fold(text, |text, (kind, before)| {
        assert_eq!(text.matches(before).count(), 1, "`{before}` stands once in envoy.yaml");
        let indent = before.len() - before.trim_start().len();
        let lines = blocks(&example.folder, kind);
        let lines: String = lines.lines().map(|line| format!("{}{line}\n", &before[..indent])).collect();
        text.replace(before, &format!("{lines}{before}"))
    })
}

/// All YAML blocks of a kind in the README of a folder.
fn blocks(folder: &Path, kind: &str) -> String {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let fence = format!("\n```yaml {kind}\n");
    let blocks = readme.split(&fence).skip(1);
    blocks.map(|rest| rest.split_once("```").unwrap().0).collect()
}
