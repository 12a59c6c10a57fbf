//! A diff of two policies says of every request what is so: random small
//! policies, and the engine asked about random requests one by one.

use std::collections::BTreeSet;

use doorward::compile::{Index, compile};
use doorward::diag::{Report, Sources};
use doorward::policy::{Method, RequestPath, Segment, Template, read_texts};
use doorward::review::{Asking, Change, Diff, Kind, Token, Tokens, Witness};
use proptest::prelude::*;

use crate::cases;

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
const CONDITIONS: [&str; 4] = [
    "claims.x == 1",
    "claims.x == 2",
    "\\\"ra\\\" in user.roles",
    "\\\"c:a\\\" in user.codes || \\\"net\\\" in source.networks",
];

pub(crate) fn list(items: &[&str]) -> String {
    format!("[{}]", items.iter().map(|item| format!("'{item}'")).collect::<Vec<_>>().join(", "))
}

/// The lines of a policy. What does not go together makes no policy.
pub(crate) fn lines(dice: &mut Dice) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, role) in ROLES.iter().enumerate() {
        let inherits = dice.some(ROLES.get(..at).unwrap(), 3);
        let grants = dice.some(&["c:a", "c:b", "d:a", "c:*", "*", "d"], 4);
        let denies = dice.some(&["c:a", "d", "c:*"], 8);
        let mut parts = vec![format!("weight: {}", dice.below(3))];
        parts.extend((!inherits.is_empty()).then(|| format!("inherits: {}", list(&inherits))));
        parts.extend((!grants.is_empty()).then(|| format!("grants: {}", list(&grants))));
        parts.extend((!denies.is_empty()).then(|| format!("denies: {}", list(&denies))));
        lines.push(format!("role {role}: {{ {} }}", parts.join(", ")));
    }
    for _ in 0..dice.below(4) {
        let holder = *dice.of(&[
            "user: u1",
            "user: u2",
            "group: g1",
            "group: g2",
            "peer: 'spiffe://t/ns/*/x'",
            "peer: 'spiffe://t/ns/*'",
        ]);
        let mut parts = vec![holder.to_owned(), format!("roles: ['{}']", dice.of(&ROLES))];
        if dice.one_in(3) {
            let values = *dice.of(&["['v1']", "['v*']", "['v1', 'w']", "['a']"]);
            parts.push(format!("on: {{ {}: {values} }}", dice.of(&NAMES)));
        }
        if dice.one_in(5) {
            parts
                .push((*dice.of(&["until: 2027-06-01", "from: 2027-06-01", "until: 2020-01-01"])).to_owned());
        }
        lines.push(format!("binding {{ {} }}", parts.join(", ")));
    }
    let net = dice.of(&["10.0.0.0/8", "10.0.0.0/9", "192.0.2.0/24"]);
    lines.push(format!("network net: ['{net}']"));
    for (service, below) in [("s", ""), ("t", "/a")] {
        if service == "t" && dice.one_in(2) {
            continue;
        }
        for (option, odds) in [
            ("case_insensitive: true", 5),
            ("encoded_slash: keep", 5),
            ("path_parameters: keep", 5),
            ("cors_preflight: allow", 3),
            ("audiences: [aud]", 6),
            ("upstream_headers: { x-user-id: user.id }", 6),
        ] {
            if dice.one_in(odds) {
                lines.push(format!("option {service} {option}"));
            }
        }
        let hosts = dice.some(&HOSTS, 5);
        if !hosts.is_empty() {
            lines.push(format!("option {service} hosts: {}", list(&hosts)));
        }
        for _ in 0..1 + dice.below(5) {
            lines.push(format!("route {service} {}", route(dice, below)));
        }
    }
    lines
}

fn route(dice: &mut Dice, below: &str) -> String {
    let mut path = below.to_owned();
    let mut names = NAMES.to_vec();
    for _ in 0..dice.below(3) {
        if !names.is_empty() && dice.one_in(2) {
            let at = dice.below(names.len());
            path.push_str(&format!("/{{{}}}", names.remove(at)));
        } else {
            path.push_str(&format!("/{}", dice.of(&SEGMENTS)));
        }
    }
    if dice.one_in(3) || path.is_empty() {
        path.push_str("/**");
    }
    let method = *dice.of(&["GET", "POST", "ANY", "GET,POST", "OPTIONS"]);
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
                parts.push(format!("codes: {}", need(dice, &CODES)));
            }
            if kinds != 1 {
                parts.push(format!("roles: {}", need(dice, &ROLES)));
            }
            if dice.one_in(5) {
                parts.push(format!("when: \"{}\"", dice.of(&CONDITIONS)));
            }
            if dice.one_in(6) {
                let peer = *dice.of(&["spiffe://t/ns/a/x", "spiffe://t/ns/*/x", "spiffe://t/*"]);
                parts.push(format!("peers: ['{peer}']"));
            }
        }
    }
    if dice.one_in(6) {
        parts.push(
            (*dice.of(&["ip: { deny: [net] }", "ip: { allow: [net] }", "ip: { allow: [10.1.0.0/16] }"]))
                .to_owned(),
        );
    }
    if dice.one_in(8) {
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
    let bindings = of("binding ");
    if !bindings.is_empty() {
        text.push_str("bindings:\n");
        bindings.iter().for_each(|line| text.push_str(&format!("  - {line}\n")));
    }
    text.push_str("networks:\n");
    of("network ").iter().for_each(|line| text.push_str(&format!("  {line}\n")));
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

/// A policy, or a slightly different one: lines that go, come or are others.
fn changed(lines: &[String], dice: &mut Dice) -> Vec<String> {
    let mut changed = lines.to_vec();
    let others = self::lines(dice);
    for _ in 0..1 + dice.below(3) {
        let at = dice.below(changed.len());
        match dice.below(3) {
            0 => drop(changed.remove(at)),
            1 => changed.push(dice.of(&others).clone()),
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

/// A request out of everything that such policies look at.
pub(crate) fn request(dice: &mut Dice, with_conditions: bool) -> (Witness, Asking) {
    let texts = [
        "a", "b", "a.x", "B", "u@v", "A", "a.json", "a.x.y", "b%20", "u%40v", "x", "v1", "v2", "w", "a;v=1",
        "x;v=1", "x%2Fy", "a%2fy", "U@v", "other",
    ];
    let path = match dice.below(4) {
        0 => "/".to_owned(),
        n => (0..n).map(|_| format!("/{}", dice.of(&texts))).collect(),
    };
    let methods = [Method::Get, Method::Post, Method::Options, Method::Head, Method::Grpc, Method::Delete];
    let method = *dice.of(&methods);
    let asking = if dice.one_in(5) && method != Method::Grpc {
        Asking::Preflight(method)
    } else {
        Asking::Method(method)
    };
    let (method, preflight) = match asking {
        Asking::Preflight(method) => ("OPTIONS", Some(method.wire_name())),
        Asking::Method(Method::Grpc) => ("GRPC", None),
        Asking::Method(method) => (method.wire_name(), None),
    };
    let owned = |items: Vec<&str>| items.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let token = (!dice.one_in(4)).then(|| Token {
        user: (*dice.of(&["u1", "u2", "somebody"])).to_owned(),
        roles: owned(dice.some(&ROLES, 3)),
        groups: owned(dice.some(&["g1", "g2", "g3"], 3)),
        codes: owned(dice.some(&CODES, 6)),
        scopes: dice.one_in(4).then(|| owned(dice.some(&CODES, 2))),
        audiences: Some(if dice.one_in(3) {
            vec![Some("aud".to_owned())]
        } else {
            vec![None, Some("aud".to_owned())]
        }),
    });
    let _ = with_conditions;
    let witness = Witness {
        method: method.to_owned(),
        preflight,
        host: (*dice.of(&["h.test", "x.w.test", "k.test", "else.test"])).to_owned(),
        path,
        service: (*dice.of(&[Some("s"), Some("t"), None])).map(str::to_owned),
        token,
        peer: (*dice.of(&[
            None,
            Some("spiffe://t/ns/a/x"),
            Some("spiffe://t/ns/b/x"),
            Some("spiffe://t/y"),
            Some("spiffe://o/y"),
        ]))
        .map(str::to_owned),
        source: dice
            .of(&[None, Some("10.1.2.3"), Some("10.200.0.1"), Some("192.0.2.9"), Some("203.0.113.1")])
            .map(|ip| ip.parse().unwrap()),
        at: *dice.of(&[NOW, 1_811_808_000 + 200_000]),
        websocket: dice.one_in(8),
        conditions: Vec::new(),
    };
    (witness, asking)
}

/// Whether a change is about a request.
fn is_about(change: &Change, request: &Witness, asking: Asking) -> bool {
    let path = RequestPath::parse(&request.path).unwrap();
    let service = match &request.service {
        Some(service) => change.service.as_ref() == Some(service),
        None => true,
    };
    // Where a service does not answer preflights, they are requests like others.
    let as_asked = change.asks.contains(&asking)
        || (matches!(asking, Asking::Preflight(_)) && change.asks.contains(&Asking::Method(Method::Options)));
    service && as_asked && change.paths.iter().any(|shape| matches(shape, &path))
}

fn matches(shape: &str, path: &RequestPath<'_>) -> bool {
    let template = Template::parse(shape).unwrap_or(Template { segments: Vec::new(), rest: true });
    let long_enough = path.len() >= template.segments.len();
    long_enough
        && (template.rest || path.len() == template.segments.len())
        && template.segments.iter().zip(path.segments()).all(|(segment, text)| match segment {
            // Other spellings stand for all of their kind.
            Segment::Literal(literal) => {
                **literal == *text || literal.to_lowercase().get(..1) == text.to_lowercase().get(..1)
            }
            Segment::Param(_) => true,
        })
}

fn check(seed: u64, requests: usize) -> Result<(), TestCaseError> {
    let mut dice = Dice::new(seed);
    let before = lines(&mut dice);
    let Some(old) = index(&text(&before)) else { return Ok(()) };
    let after = if dice.one_in(4) { lines(&mut dice) } else { changed(&before, &mut dice) };
    let Some(new) = index(&text(&after)) else { return Ok(()) };
    let told = || format!("--- old\n{}--- new\n{}", text(&before), text(&after));
    let diff = Diff::new(&old, &new, Tokens::ANY, NOW).unwrap();
    let doubtful = diff.unconfirmed().next();
    prop_assert!(doubtful.is_none(), "{}\nnot confirmed: {doubtful:#?}", told());
    for change in &diff.changes {
        let shifts = [&change.gained, &change.lost].into_iter().flatten();
        let nobody = shifts.filter(|shift| shift.who.is_nobody()).count();
        prop_assert_eq!(nobody, 0, "{}\nnobody gains or loses: {:#?}", told(), change);
        prop_assert_eq!(change.kind == Kind::EffectsOnly, change.gained.is_none() && change.lost.is_none());
    }
    for _ in 0..requests {
        let (request, asking) = request(&mut dice, true);
        if RequestPath::parse(&request.path).is_err() {
            continue;
        }
        let [before, now] = [&old, &new].map(|index| request.decide(index).reason.is_allowed());
        if before == now {
            continue;
        }
        let told_of = diff.changes.iter().any(|change| {
            let shift = if now { &change.gained } else { &change.lost };
            shift.is_some() && is_about(change, &request, asking)
        });
        prop_assert!(told_of, "{}\nnot told ({before} -> {now}): {request:#?}\n{diff:#?}", told());
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_diff_tells_every_change_and_nothing_else(seed: u64) {
        check(seed, 600)?;
    }

    #[test]
    fn the_same_in_other_words_is_no_change(seed: u64) {
        let mut dice = Dice::new(seed);
        let mut lines = lines(&mut dice);
        let Some(old) = index(&text(&lines)) else { return Ok(()) };
        let words: BTreeSet<&str> = ["role", "bind", "netw", "rout"].into();
        for _ in 0..20 {
            let (a, b) = (dice.below(lines.len()), dice.below(lines.len()));
            let kind = |at: usize| lines.get(at).and_then(|line: &String| line.get(..4)).unwrap();
            if words.contains(kind(a)) && kind(a) == kind(b) {
                lines.swap(a, b);
            }
        }
        let new = index(&text(&lines)).unwrap();
        let diff = Diff::new(&old, &new, Tokens::ANY, NOW).unwrap();
        prop_assert!(diff.changes.is_empty(), "{}\n{diff:#?}", text(&lines));
    }
}
