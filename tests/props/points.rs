//! Every request and every caller out of the words of small policies, and what the
//! engine decides of each. What is not in any policy is there too, once.

use std::net::IpAddr;
use std::sync::Arc;

use doorward::compile::{Index, Service};
use doorward::config::OnAnonymous;
use doorward::engine::{Decision, Headers, Input, Principal, Proof, Reason, Subject, decide};
use doorward::policy::{Method, RequestPath};
use doorward::review::{Asking, Token, Witness};
use serde_json::{Map, Value, json};

use crate::small::{Dice, NOW, Part, Parts};

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) service: Option<String>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) asking: Asking,
    pub(crate) websocket: bool,
}

/// Over which connection, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) peer: Option<String>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) at: u64,
}

/// By whom.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) token: Option<Token>,
    pub(crate) claims: Map<String, Value>,
}

/// All of it.
pub(crate) struct Points {
    pub(crate) asked: Vec<Asked>,
    pub(crate) settings: Vec<Setting>,
    pub(crate) callers: Vec<Caller>,
}

/// A caller as one policy knows them.
pub(crate) type Known = Option<Arc<Principal>>;

impl Points {
    /// For policies made of these parts, which say this.
    pub(crate) fn new(of: &Parts, text: &str) -> Self {
        Self { asked: asked(of, text), settings: settings(of), callers: callers(of) }
    }

    /// What a proof shows is looked at too.
    pub(crate) fn with(&mut self, witness: &Witness, asking: Asking) {
        let Witness { host, path, service, peer, source, at, websocket, .. } = witness.clone();
        let asked = Asked { service, host, path, asking, websocket };
        let setting = Setting { peer, source, at };
        if !self.asked.contains(&asked) {
            self.asked.push(asked);
        }
        if !self.settings.contains(&setting) {
            self.settings.push(setting);
        }
    }

    /// The numbers of what was asked, the setting and the caller of each point, and
    /// whether those are all; otherwise so many of them.
    pub(crate) fn numbers(&self, dice: &mut Dice, most: usize) -> (Vec<[usize; 3]>, bool) {
        let Self { asked, settings, callers } = self;
        let [a, s, c] = [asked.len(), settings.len(), callers.len()];
        let of = |number: usize| [number / (s * c), number / c % s, number % c];
        let all = a * s * c;
        if all <= most {
            return ((0..all).map(of).collect(), true);
        }
        ((0..most).map(|_| of(dice.below(all))).collect(), false)
    }

    pub(crate) fn known(&self, index: &Index) -> Vec<Known> {
        self.callers.iter().map(|caller| caller.known(index)).collect()
    }

    /// A point as a request that can be shown.
    pub(crate) fn witness(&self, [a, s, c]: [usize; 3]) -> Witness {
        let (asked, setting, caller) = (&self.asked[a], &self.settings[s], &self.callers[c]);
        let (method, preflight) = match asked.asking {
            Asking::Method(method) => (method.word(), None),
            Asking::Preflight(method) => ("OPTIONS", Some(method.wire_name())),
        };
        Witness {
            method: method.to_owned(),
            preflight,
            host: asked.host.clone(),
            path: asked.path.clone(),
            service: asked.service.clone(),
            token: caller.token.clone(),
            peer: setting.peer.clone(),
            source: setting.source,
            at: setting.at,
            websocket: asked.websocket,
            conditions: Vec::new(),
        }
    }

    pub(crate) fn decide(&self, index: &Index, known: &[Known], [a, s, c]: [usize; 3]) -> Decision {
        decided(index, &self.asked[a], &self.settings[s], &self.callers[c], &known[c])
    }
}

impl Caller {
    pub(crate) fn known(&self, index: &Index) -> Known {
        let Token { user, roles, groups, codes, scopes, audiences: _ } = self.token.clone()?;
        let claims = self.claims.clone();
        let subject =
            Subject { proof: Proof::Token, user, roles, groups, codes, scopes, claims, ..Subject::default() };
        Some(Arc::new(Principal::resolve(index, subject)))
    }

    fn identify(&self, service: &Service, known: &Known) -> Result<Arc<Principal>, (Reason, &'static str)> {
        let (Some(token), Some(known)) = (&self.token, known) else { return Err((Reason::TokenMissing, "")) };
        if token.audiences.as_ref().is_some_and(|audiences| !is_meant(audiences, service)) {
            return Err((Reason::AudienceMismatch, ""));
        }
        Ok(Arc::clone(known))
    }
}

/// Whether a token with these audiences is meant for a service.
pub(crate) fn is_meant(audiences: &[Option<String>], service: &Service) -> bool {
    audiences.iter().any(|audience| match audience {
        Some(name) => service.audiences.iter().any(|known| **known == **name),
        None => service.audiences.is_empty(),
    })
}

pub(crate) fn decided(
    index: &Index,
    asked: &Asked,
    setting: &Setting,
    caller: &Caller,
    known: &Known,
) -> Decision {
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    let method = match asked.asking {
        Asking::Method(Method::Grpc) => {
            headers.push(("content-type", b"application/grpc"));
            "POST"
        }
        Asking::Method(method) => method.wire_name(),
        Asking::Preflight(announced) => {
            headers.push(("origin", b"https://example.com"));
            headers.push(("access-control-request-method", announced.wire_name().as_bytes()));
            "OPTIONS"
        }
    };
    if asked.websocket {
        headers.extend([("connection", &b"upgrade"[..]), ("upgrade", &b"websocket"[..])]);
    }
    let input = Input {
        method,
        host: &asked.host,
        path: &asked.path,
        headers: Headers::new(&headers),
        service: asked.service.as_deref(),
        source: setting.source,
        peer: setting.peer.as_deref(),
        now: setting.at,
        ..Input::default()
    };
    decide(index, &input, OnAnonymous::Unseen, |service| caller.identify(service, known))
}

fn asked(of: &Parts, text: &str) -> Vec<Asked> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (services, hosts) = match of.has(Part::Hosts) {
        true => (
            vec![Some("s".to_owned()), Some("t".to_owned()), None],
            owned(&["h.test", "x.w.test", "k.test", "else.test"]),
        ),
        false => (vec![Some("s".to_owned())], owned(&["else.test"])),
    };
    let mut all = Vec::new();
    for path in paths(of) {
        for (asking, websocket) in askings(of, text) {
            for service in &services {
                all.extend(hosts.iter().map(|host| Asked {
                    service: service.clone(),
                    host: host.clone(),
                    path: path.clone(),
                    asking,
                    websocket,
                }));
            }
        }
    }
    all
}

/// Each method that a route of the text is about, and one that none names.
fn askings(of: &Parts, text: &str) -> Vec<(Asking, bool)> {
    let methods = [(Method::Get, ""), (Method::Post, ""), (Method::Delete, "")];
    let named = [(Method::Head, "HEAD"), (Method::Grpc, "GRPC"), (Method::Options, "OPTIONS")];
    let is_there = |(_, name): &(Method, &str)| text.contains(name);
    let methods = methods.into_iter().chain(named).filter(is_there);
    let mut askings: Vec<_> = methods.map(|(method, _)| (Asking::Method(method), false)).collect();
    if of.has(Part::Options) {
        askings.extend([Method::Get, Method::Delete].map(|method| (Asking::Preflight(method), false)));
        let upgrades: Vec<_> = askings.iter().map(|(asking, _)| (*asking, true)).collect();
        askings.extend(upgrades);
    }
    askings
}

/// All paths of up to two segments, one of them a usual one, and some longer ones.
fn paths(of: &Parts) -> Vec<String> {
    let usual = ["a", "b", "z"];
    let mut segments = usual.to_vec();
    if of.has(Part::Values) {
        segments.extend(["v1", "vx", "vy", "w", "x", "x1", "x2"]);
    }
    if of.has(Part::Spellings) {
        segments.extend([
            "A", "B", "a.x", "a.json", "b%20", "u@v", "u%40v", "U@v", "a;v=1", "z;v=1", "z%2Fy", "a%2fy",
        ]);
    }
    let mut paths = vec!["/".to_owned()];
    paths.extend(segments.iter().map(|segment| format!("/{segment}")));
    for one in &segments {
        let others = segments.iter().filter(|other| usual.contains(other) || usual.contains(one));
        paths.extend(others.map(|other| format!("/{one}/{other}")));
    }
    for one in if of.has(Part::Hosts) { &usual[..1] } else { &usual } {
        for other in usual {
            paths.extend(["a", "z"].map(|third| format!("/{one}/{other}/{third}")));
        }
    }
    paths.retain(|path| RequestPath::parse(path).is_ok());
    paths
}

fn settings(of: &Parts) -> Vec<Setting> {
    let sources: &[Option<&str>] = match of.has(Part::Networks) {
        true => &[None, Some("10.1.2.3"), Some("10.200.0.1"), Some("192.0.2.9"), Some("203.0.113.1")],
        false => &[Some("203.0.113.1")],
    };
    let peers: &[Option<&str>] = match of.has(Part::Peers) {
        true => &[
            None,
            Some("spiffe://t/ns/a/x"),
            Some("spiffe://t/ns/b/x"),
            Some("spiffe://t/ns/b"),
            Some("spiffe://t/other"),
            Some("spiffe://t/y"),
            Some("spiffe://elsewhere/y"),
            Some("spiffe://o/y"),
        ],
        false => &[None],
    };
    // In June 2027 on the first, and on the second.
    let times: &[u64] = match of.has(Part::Times) {
        true => &[NOW, 1_811_808_000, 1_811_894_400],
        false => &[NOW],
    };
    let mut all = Vec::new();
    for peer in peers {
        for source in sources {
            all.extend(times.iter().map(|at| Setting {
                peer: peer.map(str::to_owned),
                source: source.map(|ip| ip.parse().unwrap()),
                at: *at,
            }));
        }
    }
    all
}

/// All sets of these names.
fn sets(names: &[&str]) -> Vec<Vec<String>> {
    let of = |set: usize| {
        let named = names.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
        named.map(|(_, name)| (*name).to_owned()).collect()
    };
    (0..1_usize << names.len()).map(of).collect()
}

fn callers(of: &Parts) -> Vec<Caller> {
    let users: &[&str] = if of.users() { &["sam", "u1", "u2"] } else { &["sam"] };
    let groups = if of.has(Part::Groups) { sets(&["g1", "g2"]) } else { vec![Vec::new()] };
    let (codes, scopes) = match of.has(Part::Tokens) {
        true => (
            sets(of.codes()),
            std::iter::once(None).chain(sets(of.codes()).into_iter().take(3).map(Some)).collect(),
        ),
        false => (vec![Vec::new()], vec![None]),
    };
    let aud = || Some("aud".to_owned());
    let audiences = match of.has(Part::Options) {
        true => vec![vec![None], vec![aud()], vec![None, aud()]],
        false => vec![vec![None, aud()]],
    };
    let mut all = vec![Caller { token: None, claims: Map::new() }];
    for user in users {
        for roles in sets(of.roles()) {
            for groups in &groups {
                for codes in &codes {
                    for scopes in &scopes {
                        for audiences in &audiences {
                            let token = Token {
                                user: (*user).to_owned(),
                                roles: roles.clone(),
                                groups: groups.clone(),
                                codes: codes.clone(),
                                scopes: scopes.clone(),
                                audiences: Some(audiences.clone()),
                            };
                            let of_claims = |claims| Caller { token: Some(token.clone()), claims };
                            all.extend(claims(of).into_iter().map(of_claims));
                        }
                    }
                }
            }
        }
    }
    all
}

/// Claims that make conditions true and false in every combination.
fn claims(of: &Parts) -> Vec<Map<String, Value>> {
    if !of.has(Part::Conditions) {
        return vec![Map::new()];
    }
    let all = json!(["a", "b", "z", "v1", "vx", "vy", "w", "x", "x1", "x2"]);
    let mut claims = Vec::new();
    for (x, y) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        // Two places in the path are told apart by what stands in one of them.
        let one = (x == 0 && y == 0).then(|| [json!(["a"]), json!(["b"])]);
        for z in [json!([]), all.clone()].into_iter().chain(one.into_iter().flatten()) {
            let Value::Object(map) = json!({ "x": x, "y": y, "z": z }) else { continue };
            claims.push(map);
        }
    }
    claims
}
