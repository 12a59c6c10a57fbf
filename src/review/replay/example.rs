//! A request of a log as a command that decides it: `doorward check`.

use serde_json::{Map, Value, json};

use super::seen::{Caller, Seen, Token};
use crate::engine::Reason;
use crate::policy::instant;
use crate::review::command::quoted;

/// The command, without the policy; none where no command can say all of it. `from`
/// is whether it counts where the request comes from.
pub(super) fn command(seen: &Seen, from: bool) -> Option<String> {
    let words = seen.words.as_ref()?;
    let kind = match &words.kind {
        super::seen::Told::Yes(kind) => kind.clone(),
        super::seen::Told::No => super::seen::Kind::default(),
    };
    if !words.path.starts_with('/') || (from && words.source.value().is_none()) {
        return None;
    }
    let method = if kind.grpc { "GRPC" } else { &words.method };
    let mut line = format!("doorward check {} {}", quoted(method), quoted(&words.path));
    let mut option =
        |name: &str, value: &str| line.push_str(&format!(" {}", quoted(&format!("--{name}={value}"))));
    option("host", &words.host);
    words.named.value().into_iter().for_each(|name| option("service", name));
    words.source.value().into_iter().for_each(|source| option("source-ip", &source.to_string()));
    words.peer.value().into_iter().for_each(|peer| option("peer", peer));
    for (name, value) in kind.headers() {
        if !kind.grpc || name != "content-type" {
            option("header", &format!("{name}: {value}"));
        }
    }
    match &seen.caller {
        Caller::Token(token) => caller(token, &mut option)?,
        Caller::Unasked | Caller::Peer | Caller::Refused(Reason::TokenMissing) => {}
        // A token that was no good, and is not there any more.
        Caller::Refused(_) => return None,
    }
    option("at", &instant::utc(seen.at));
    Some(line)
}

fn caller(token: &Token, option: &mut impl FnMut(&str, &str)) -> Option<()> {
    let Token { user, hidden, roles, groups, codes, scopes, claims, open: _ } = token;
    // No claim says scopes without a configuration.
    if *hidden || scopes.is_some() {
        return None;
    }
    let with_comma = |names: &[String]| names.iter().any(|name| name.contains(','));
    if codes.is_empty() && claims.is_empty() && !with_comma(roles) && !with_comma(groups) {
        option("user", user);
        [("roles", roles), ("groups", groups)]
            .into_iter()
            .filter(|(_, names)| !names.is_empty())
            .for_each(|(name, names)| option(name, &names.join(",")));
        return Some(());
    }
    let mut all: Map<String, Value> = claims.clone();
    let own = json!({ "sub": user, "roles": roles, "groups": groups, "codes": codes });
    all.extend(own.as_object().cloned().unwrap_or_default());
    option("claims", &Value::Object(all).to_string());
    Some(())
}
