//! The variables of expressions, and what can be asked of each.

use super::Mistake;
use super::fact::Fact;
use crate::diag::did_you_mean;

/// The variables there are, and what can be asked of each.
pub(super) const ROOTS: [&str; 6] = ["request", "source", "path", "user", "claims", "service"];
const OF_REQUEST: [&str; 8] = ["method", "path", "host", "scheme", "query", "headers", "time", "body"];
const OF_SOURCE: [&str; 3] = ["ip", "principal", "networks"];
const OF_USER: [&str; 5] = ["id", "roles", "groups", "codes", "primary_role"];

/// Words of other tools for what is here.
const ELSEWHERE: [(&str, &str); 10] = [
    ("auth", "the token's claims are `claims`"),
    ("http", "the request is `request`"),
    ("input", "the request is `request`"),
    ("jwt", "the token's claims are `claims`"),
    ("method", "write `request.method`"),
    ("now", "write `request.time`"),
    ("params", "path parameters are `path.NAME`"),
    ("principal", "the caller is `user`; a workload's certificate is `source.principal`"),
    ("subject", "the caller is `user`"),
    ("token", "the token's claims are `claims`"),
];

/// Functions of other tools, and what there is here.
const FUNCTIONS_ELSEWHERE: [(&[&str], &str); 3] = [
    (&["now", "time", "date"], "write `request.time`"),
    (
        &["ip", "cidr", "ip_in_range", "inIpRange", "containsIP", "net"],
        "name the range in `networks` and write `\"NAME\" in source.networks`, or `ip:` on the route",
    ),
    (&["len", "length", "count"], "write `size(..)`"),
];

/// What to write in place of a function that other tools have.
pub(super) fn instead_of_function(name: &str) -> Option<&'static str> {
    FUNCTIONS_ELSEWHERE.iter().find(|(names, _)| names.contains(&name)).map(|(_, help)| *help)
}

/// The fact that a variable and the members behind it stand for.
pub(super) fn fact(root: &str, members: &[&str], at: (usize, usize)) -> Result<Fact, Mistake> {
    let boxed = |path: &[&str]| path.iter().map(|name| (*name).into()).collect::<Box<[Box<str>]>>();
    let (fact, rest) = match (root, members) {
        ("claims", path) => (Fact::Claims(boxed(path)), &[][..]),
        ("request", ["body", path @ ..]) => (Fact::Body(boxed(path)), &[][..]),
        ("request", ["query", name, rest @ ..]) => (Fact::QueryOf((*name).into()), rest),
        ("request", ["query"]) => (Fact::Query, &[][..]),
        ("request", ["headers", name, rest @ ..]) => (Fact::Header(header(name, at)?), rest),
        ("request", ["headers"]) => {
            let help = "write `request.headers[\"x-name\"]`, or `\"x-name\" in request.headers`";
            return Err(Mistake::new(at, "headers are asked for one by one", "which one?", help));
        }
        ("request", ["method", rest @ ..]) => (Fact::Method, rest),
        ("request", ["path", rest @ ..]) => (Fact::Path, rest),
        ("request", ["host", rest @ ..]) => (Fact::Host, rest),
        ("request", ["scheme", rest @ ..]) => (Fact::Scheme, rest),
        ("request", ["time", rest @ ..]) => (Fact::Time, rest),
        ("source", ["ip", rest @ ..]) => (Fact::Ip, rest),
        ("source", ["principal", rest @ ..]) => (Fact::Peer, rest),
        ("source", ["networks", rest @ ..]) => (Fact::Networks, rest),
        ("path", [name, rest @ ..]) => (Fact::Param((*name).into()), rest),
        ("user", ["id", rest @ ..]) => (Fact::User, rest),
        ("user", ["roles", rest @ ..]) => (Fact::Roles, rest),
        ("user", ["groups", rest @ ..]) => (Fact::Groups, rest),
        ("user", ["codes", rest @ ..]) => (Fact::Codes, rest),
        ("user", ["primary_role", rest @ ..]) => (Fact::PrimaryRole, rest),
        ("service", rest) => (Fact::Service, rest),
        _ => return Err(unknown(root, members.first().copied(), at)),
    };
    if !rest.is_empty() {
        let help = "only `claims`, `request.body` and `request.query` have members of their own";
        return Err(Mistake::new(at, format!("this has no member `{}`", rest.join(".")), "no members", help));
    }
    Ok(fact)
}

/// The name of a header that a condition may ask for.
pub(super) fn header(name: &str, at: (usize, usize)) -> Result<Box<str>, Mistake> {
    let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
    if name.is_empty() || !name.bytes().all(is_name) {
        let help = "names of headers are lower-case letters, digits and `-`";
        return Err(Mistake::new(at, format!("no header is called `{name}`"), "never there", help));
    }
    if name.starts_with("x-user-") {
        let help =
            "ask for `user.id`, `user.roles` or `claims`; what a client sends by this name never counts";
        return Err(Mistake::new(
            at,
            format!("`{name}` is what Doorward tells the upstream"),
            "not the client's to say",
            help,
        ));
    }
    Ok(name.into())
}

fn unknown(root: &str, member: Option<&str>, at: (usize, usize)) -> Mistake {
    let known: &[&str] = match root {
        "request" => &OF_REQUEST,
        "source" => &OF_SOURCE,
        "user" => &OF_USER,
        "path" => {
            return Mistake::new(
                at,
                "`path` is used by its parameters",
                "which one?",
                "write `path.NAME`; the request's path is `request.path`",
            );
        }
        _ => {
            let help = match ELSEWHERE.iter().find(|(word, _)| *word == root) {
                Some((_, help)) => (*help).to_owned(),
                None => format!("{}; text stands in quotes", suggestion(root, &ROOTS, "variables")),
            };
            return Mistake::new(at, format!("there is no variable `{root}`"), "not known", help);
        }
    };
    match member {
        Some(member) => {
            let mut help = suggestion(member, known, "members");
            if root == "user" && !help.starts_with("did you mean") {
                help.push_str("; what else the token says is `claims.NAME`");
            }
            Mistake::new(at, format!("`{root}` has no member `{member}`"), "not known", help)
        }
        None => {
            let help = format!("its members are `{}`", known.join("`, `"));
            Mistake::new(at, format!("`{root}` is used by its members"), "which one?", help)
        }
    }
}

/// Whether a fact may be absent, so that `has` makes sense.
pub(super) fn may_miss(fact: &Fact) -> bool {
    match fact {
        Fact::Claims(path) | Fact::Body(path) => !path.is_empty(),
        Fact::QueryOf(_) | Fact::Header(_) | Fact::Ip | Fact::Peer | Fact::PrimaryRole => true,
        _ => false,
    }
}

/// What to write in place of a word that is not known.
pub(super) fn suggestion(word: &str, known: &[&str], what: &str) -> String {
    match did_you_mean(word, known.iter().copied()) {
        Some(best) => format!("did you mean `{best}`?"),
        None => format!("the {what} are `{}`", known.join("`, `")),
    }
}
