//! Small random policies out of few words, so that every request and every caller
//! there can be are few enough to be tried one by one.

use doorward::compile::{Index, compile};
use doorward::diag::{Report, Sources};
use doorward::policy::read_texts;
use doorward::review::Tokens;

/// When the policies are looked at.
pub(crate) const NOW: u64 = 1_800_000_000;

/// Chooses, always the same for a seed (xorshift64*).
#[derive(Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        (0..4).for_each(|_| {
            dice.below(2);
        });
        dice
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let at = self.below(items.len());
        items.get(at).unwrap()
    }

    pub(crate) fn some<'a>(&mut self, items: &[&'a str], one_in: usize) -> Vec<&'a str> {
        items.iter().filter(|_| self.one_in(one_in)).copied().collect()
    }
}

pub(crate) const ROLES: [&str; 4] = ["ra", "rb", "rc", "rd"];
pub(crate) const CODES: [&str; 4] = ["c:a", "c:b", "d:a", "d"];
pub(crate) const SEGMENTS: [&str; 5] = ["a", "b", "a.x", "B", "u@v"];
const NAMES: [&str; 2] = ["p", "q"];
const HOSTS: [&str; 3] = ["h.test", "*.w.test", "k.test"];
const CONDITIONS: [&str; 4] =
    ["claims.x == 1", "claims.y == 1", "path.p in claims.z", "\\\"ra\\\" in user.roles"];
/// Some of them are what a prover might take to show for "any other".
const PEERS: [&str; 6] = [
    "spiffe://t/ns/*/x",
    "spiffe://t/ns/*",
    "spiffe://t/ns/a/x",
    "spiffe://t/other",
    "spiffe://elsewhere/*",
    "spiffe://t/*",
];
/// Some are literals of routes too, which take those from the routes with parameters.
const VALUES: [&str; 10] =
    ["'v1'", "'v*'", "'a'", "'b'", "'a', 'w'", "'x'", "'vx'", "'vx*'", "'*'", "'x1', 'x*'"];

const TIMES: [&str; 3] = ["until: 2027-06-01", "from: 2027-06-01", "until: 2020-01-01"];
const NETWORKS: [&str; 3] = ["10.0.0.0/8", "10.0.0.0/9", "192.0.2.0/24"];
const RULES: [&str; 3] = ["ip: { deny: [net] }", "ip: { allow: [net] }", "ip: { allow: [10.1.0.0/16] }"];

/// What policies are made of beside roles, codes and routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Codes and scopes of tokens.
    Tokens,
    Users,
    Groups,
    /// Bindings that look at the path.
    Values,
    Times,
    Networks,
    Peers,
    Conditions,
    Hosts,
    Spellings,
    /// Preflights, upgrades, audiences, methods that few use.
    Options,
}

pub(crate) const PARTS: [Part; 11] = [
    Part::Tokens,
    Part::Users,
    Part::Groups,
    Part::Values,
    Part::Times,
    Part::Networks,
    Part::Peers,
    Part::Conditions,
    Part::Hosts,
    Part::Spellings,
    Part::Options,
];

/// Of what a policy is made.
#[derive(Debug, Clone)]
pub(crate) struct Parts(Vec<Part>);

impl Parts {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self(PARTS.to_vec())
    }

    /// One mostly, so that everything can be tried; or none, two or three.
    pub(crate) fn few(dice: &mut Dice) -> Self {
        let many = *dice.of(&[0, 1, 1, 1, 1, 1, 2, 2, 3]);
        Self((0..many).map(|_| *dice.of(&PARTS)).collect())
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }

    /// Whether bindings give roles to users.
    pub(crate) fn users(&self) -> bool {
        self.has(Part::Users)
            || ((self.has(Part::Values) || self.has(Part::Times)) && !self.has(Part::Groups))
    }

    /// Few, where there is much else.
    pub(crate) fn roles(&self) -> &'static [&'static str] {
        &ROLES[..if self.0.is_empty() || self.0.len() > 3 { 4 } else { 3 }]
    }

    /// Few, where tokens may carry any of them.
    pub(crate) fn codes(&self) -> &'static [&'static str] {
        &CODES[..if self.has(Part::Tokens) { 2 } else { 4 }]
    }

    /// What tokens may carry.
    pub(crate) fn tokens(&self) -> Tokens {
        let any = self.has(Part::Tokens);
        Tokens { codes: any, scopes: any }
    }

    pub(crate) fn segments(&self) -> &'static [&'static str] {
        &SEGMENTS[..if self.has(Part::Spellings) { 5 } else { 2 }]
    }
}

pub(crate) fn list(items: &[&str]) -> String {
    format!("[{}]", items.iter().map(|item| format!("'{item}'")).collect::<Vec<_>>().join(", "))
}

/// The lines of a policy. What does not go together makes no policy.
pub(crate) fn lines(dice: &mut Dice, of: &Parts) -> Vec<String> {
    let roles = of.roles();
    let mut lines = Vec::new();
    for (at, role) in roles.iter().enumerate() {
        let inherits = dice.some(roles.get(..at).unwrap(), 3);
        let grants = dice.some(&["c:a", "c:b", "d:a", "c:*", "*", "d"], 4);
        let denies = dice.some(&["c:a", "d", "c:*"], 8);
        let mut parts = vec![format!("weight: {}", dice.below(3))];
        parts.extend((!inherits.is_empty()).then(|| format!("inherits: {}", list(&inherits))));
        parts.extend((!grants.is_empty()).then(|| format!("grants: {}", list(&grants))));
        parts.extend((!denies.is_empty()).then(|| format!("denies: {}", list(&denies))));
        lines.push(format!("role {role}: {{ {} }}", parts.join(", ")));
    }
    lines.extend(bindings(dice, of));
    if of.has(Part::Networks) {
        let net = dice.of(&NETWORKS);
        lines.push(format!("network net: ['{net}']"));
    }
    for (service, below) in [("s", ""), ("t", "/a")] {
        if service == "t" && (!of.has(Part::Hosts) || dice.one_in(2)) {
            continue;
        }
        for (part, option, odds) in [
            (Part::Spellings, "case_insensitive: true", 4),
            (Part::Spellings, "encoded_slash: keep", 4),
            (Part::Spellings, "path_parameters: keep", 4),
            (Part::Options, "cors_preflight: allow", 3),
            (Part::Options, "audiences: [aud]", 5),
            (Part::Options, "upstream_headers: { x-user-id: user.id }", 6),
        ] {
            if of.has(part) && dice.one_in(odds) {
                lines.push(format!("option {service} {option}"));
            }
        }
        let hosts = if of.has(Part::Hosts) { dice.some(&HOSTS, 4) } else { Vec::new() };
        if !hosts.is_empty() {
            lines.push(format!("option {service} hosts: {}", list(&hosts)));
        }
        for _ in 0..1 + dice.below(4) {
            lines.push(format!("route {service} {}", route(dice, of, below)));
        }
    }
    lines
}

fn bindings(dice: &mut Dice, of: &Parts) -> Vec<String> {
    let mut holders: Vec<String> = Vec::new();
    if of.users() {
        holders.extend(["user: u1", "user: u2"].map(str::to_owned));
    }
    if of.has(Part::Groups) {
        holders.extend(["group: g1", "group: g2"].map(str::to_owned));
    }
    if of.has(Part::Peers) {
        holders.extend((0..2).map(|_| format!("peer: '{}'", dice.of(&PEERS))));
    }
    let mut lines = Vec::new();
    for _ in 0..if holders.is_empty() { 0 } else { dice.below(4) } {
        let mut parts = vec![dice.of(&holders).clone(), format!("roles: ['{}']", dice.of(of.roles()))];
        if of.has(Part::Values) && !dice.one_in(3) {
            parts.push(format!("on: {{ {}: [{}] }}", dice.of(&NAMES), dice.of(&VALUES)));
        }
        if of.has(Part::Times) && dice.one_in(2) {
            parts.push((*dice.of(&TIMES)).to_owned());
        }
        lines.push(format!("binding {{ {} }}", parts.join(", ")));
    }
    lines
}

fn route(dice: &mut Dice, of: &Parts, below: &str) -> String {
    let mut path = below.to_owned();
    let mut names = NAMES.to_vec();
    for _ in 0..dice.below(3) {
        if !names.is_empty() && dice.one_in(2) {
            let at = dice.below(names.len());
            path.push_str(&format!("/{{{}}}", names.remove(at)));
        } else {
            path.push_str(&format!("/{}", dice.of(of.segments())));
        }
    }
    if dice.one_in(3) || path.is_empty() {
        path.push_str("/**");
    }
    let methods = ["GET", "POST", "ANY", "GET,POST", "HEAD", "GRPC", "OPTIONS", "DELETE,OPTIONS"];
    let method = *dice.of(&methods[..if of.has(Part::Options) { 8 } else { 6 }]);
    let mut parts = vec![format!("route: '{method} {path}'")];
    let need = |dice: &mut Dice, names: &[&str]| match dice.below(3) {
        0 => format!("'{}'", dice.of(names)),
        kind => {
            let how = if kind == 1 { "any" } else { "all" };
            let (one, other) = (dice.below(names.len() - 1), names.len() - 1);
            format!("{{ {how}: ['{}', '{}'] }}", names.get(one).unwrap(), names.get(other).unwrap())
        }
    };
    match dice.below(8) {
        0 | 1 => parts.push("access: anonymous".to_owned()),
        2 => parts.push("access: authenticated".to_owned()),
        3 if dice.one_in(2) => parts.push("access: denied".to_owned()),
        _ => {
            let kinds = dice.below(3);
            if kinds != 0 {
                parts.push(format!("codes: {}", need(dice, of.codes())));
            }
            if kinds != 1 {
                parts.push(format!("roles: {}", need(dice, of.roles())));
            }
            if of.has(Part::Conditions) && dice.one_in(2) {
                parts.push(format!("when: \"{}\"", dice.of(&CONDITIONS)));
            }
            if of.has(Part::Peers) && dice.one_in(4) {
                parts.push(format!("peers: ['{}']", dice.of(&PEERS)));
            }
        }
    }
    if of.has(Part::Networks) && dice.one_in(3) {
        parts.push((*dice.of(&RULES)).to_owned());
    }
    if of.has(Part::Options) && dice.one_in(5) {
        parts.push("upgrade: websocket".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}

/// A text that says what the lines say.
pub(crate) fn text(lines: &[String]) -> String {
    let of = |kind: &str| -> Vec<&str> {
        lines.iter().filter_map(|line| line.strip_prefix(kind)).map(str::trim_start).collect()
    };
    let mut text = String::from("roles:\n");
    of("role ").iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    for (kind, title, mark) in [("binding ", "bindings", "- "), ("network ", "networks", "")] {
        let lines = of(kind);
        if !lines.is_empty() {
            text.push_str(&format!("{title}:\n"));
            lines.iter().for_each(|line| text.push_str(&format!("  {mark}{line}\n")));
        }
    }
    text.push_str("services:\n");
    for (service, path) in [("s", "/"), ("t", "/a")] {
        let routes = of(&format!("route {service} "));
        if routes.is_empty() {
            continue;
        }
        text.push_str(&format!("  {service}:\n    paths: [{path}]\n"));
        of(&format!("option {service} ")).iter().for_each(|line| text.push_str(&format!("    {line}\n")));
        text.push_str("    routes:\n");
        routes.iter().for_each(|line| text.push_str(&format!("      - {line}\n")));
    }
    text
}

pub(crate) fn index(text: &str) -> Option<Index> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    compile(&policy?, &sources, &mut report)
}

/// The same with one word that is another of its kind.
fn slip(line: &str, dice: &mut Dice, of: &Parts) -> String {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let quoted = |words: &[&str]| words.iter().map(|word| format!("'{word}'")).collect();
    let mut kinds: Vec<Vec<String>> =
        [&VALUES[..], &PEERS, &TIMES, &NETWORKS, &RULES, &CONDITIONS].map(owned).into();
    kinds.extend([of.roles(), of.codes()].map(quoted));
    kinds.retain(|kind| kind.iter().any(|word| line.contains(word)));
    if kinds.is_empty() {
        return line.to_owned();
    }
    let kind = dice.of(&kinds);
    let old: Vec<&String> = kind.iter().filter(|word| line.contains(*word)).collect();
    line.replacen(dice.of(&old).as_str(), dice.of::<String>(kind), 1)
}

/// A slightly different policy: lines that go, come or are others.
pub(crate) fn changed(lines: &[String], dice: &mut Dice, of: &Parts) -> Vec<String> {
    let mut changed = lines.to_vec();
    let others = self::lines(dice, of);
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(changed.len());
        match dice.below(5) {
            0 => drop(changed.remove(at)),
            1 => changed.push(dice.of(&others).clone()),
            2 | 3 => {
                let line = changed.get_mut(at).unwrap();
                *line = slip(line, dice, of);
            }
            _ => {
                let kind = changed.get(at).unwrap().split(['{', ':']).next().unwrap().to_owned();
                let same: Vec<&String> = others.iter().filter(|line| line.starts_with(&kind)).collect();
                if !same.is_empty() {
                    let new = (*dice.of(&same)).clone();
                    *changed.get_mut(at).unwrap() = new;
                }
            }
        }
        if changed.is_empty() {
            return lines.to_vec();
        }
    }
    changed
}
