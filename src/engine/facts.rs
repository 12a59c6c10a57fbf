//! What conditions ask about a request, each worked out when it is asked for.

use std::borrow::Cow;
use std::sync::OnceLock;

use serde_json::Value;

use super::caller::{CallerFacts, On};
use super::held::Held;
use super::input::Input;
use super::json;
use super::request::Request;
use crate::compile::{Fact, Facts, Fault, Index, Route, Seen, Service, walk};
use crate::policy::SpiffeId;

/// A request that got as far as its route's condition.
pub(super) struct RequestFacts<'a> {
    index: &'a Index,
    input: &'a Input<'a>,
    request: &'a Request<'a>,
    caller: CallerFacts<'a>,
    /// Read once, and only if it is asked for.
    body: OnceLock<Option<Value>>,
}

/// Names and values of a query.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

impl<'a> RequestFacts<'a> {
    pub(super) fn new(
        index: &'a Index,
        input: &'a Input<'a>,
        request: &'a Request<'a>,
        service: &'a Service,
        route: &'a Route,
        held: Held<'a>,
    ) -> Self {
        let on = On { service, route, path: Some(&request.path) };
        let caller = CallerFacts::new(index, held, Some(on));
        Self { index, input, request, caller, body: OnceLock::new() }
    }

    /// The one value of a header.
    fn header(&self, name: &str) -> Result<&'a str, Fault> {
        let headers = self.input.headers;
        let value =
            headers.only(name).ok_or(if headers.has(name) { Fault::Unusable } else { Fault::Missing })?;
        if !value.iter().all(|b| matches!(b, b' '..=b'~')) {
            return Err(Fault::Unusable);
        }
        std::str::from_utf8(value).map_err(|_| Fault::Unusable)
    }

    /// The pairs of the query, decoded as forms are. One that is not well formed
    /// makes all of it unusable: an upstream might read it in its own way.
    fn query(&self) -> Result<Pairs<'a>, Fault> {
        let query = self.input.path.split_once('?').map_or("", |(_, query)| query);
        // Some upstreams split at `;` too.
        if query.contains(';') {
            return Err(Fault::Unusable);
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((form_decoded(name)?, form_decoded(value)?))
            })
            .collect::<Option<_>>()
            .ok_or(Fault::Unusable)
    }

    fn body(&self) -> Result<&Value, Fault> {
        let read = || {
            let kind = self.input.headers.only("content-type")?;
            // Read as JSON only what the upstream will read as JSON.
            if !is_json(kind) || self.input.headers.has("content-encoding") {
                return None;
            }
            json::value(self.input.body?)
        };
        self.body.get_or_init(read).as_ref().ok_or(Fault::Body)
    }
}

impl Facts for RequestFacts<'_> {
    fn seen(&self, fact: &Fact) -> Result<Seen<'_>, Fault> {
        let borrowed = |text| Ok(Seen::Text(Cow::Borrowed(text)));
        let Self { index, input, request, .. } = self;
        match fact {
            Fact::Method => borrowed(request.method.wire_name()),
            Fact::Path => borrowed(request.path.as_str()),
            Fact::Host => borrowed(&request.host),
            Fact::Scheme if input.scheme.is_empty() => Err(Fault::Missing),
            Fact::Scheme => borrowed(input.scheme),
            Fact::Time => i64::try_from(input.now).map(Seen::Int).map_err(|_| Fault::Failed),
            Fact::Query => {
                let mut lists: Vec<(Cow<'_, str>, Vec<Cow<'_, str>>)> = Vec::new();
                for (name, value) in self.query()? {
                    match lists.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, values)) => values.push(value),
                        None => lists.push((name, vec![value])),
                    }
                }
                Ok(Seen::Lists(lists))
            }
            Fact::QueryOf(name) => {
                let values: Vec<_> =
                    self.query()?.into_iter().filter(|(n, _)| **n == **name).map(|(_, v)| v).collect();
                if values.is_empty() { Err(Fault::Missing) } else { Ok(Seen::Texts(values)) }
            }
            Fact::Header(name) => self.header(name).map(|value| Seen::Text(Cow::Borrowed(value))),
            Fact::Body(path) => {
                let body = self.body()?;
                match (body, &**path) {
                    (body, []) => Ok(Seen::Json(body)),
                    (Value::Object(members), path) => walk(members, path),
                    _ => Err(Fault::Type),
                }
            }
            Fact::Ip => {
                input.source.map(|ip| Seen::Text(ip.to_canonical().to_string().into())).ok_or(Fault::Missing)
            }
            Fact::Peer => {
                let id = input.peer.and_then(SpiffeId::parse);
                id.map(|id| Seen::Text(id.as_str().into())).ok_or(Fault::Missing)
            }
            Fact::Networks => {
                let names = input.source.into_iter().flat_map(|ip| index.networks_of(ip));
                Ok(Seen::Texts(names.map(Cow::Borrowed).collect()))
            }
            fact => self.caller.seen(fact),
        }
    }

    fn lists(&self, fact: &Fact, text: &str) -> Result<bool, Fault> {
        let Self { index, input, caller, .. } = self;
        match fact {
            Fact::Networks => {
                Ok(input.source.is_some_and(|ip| index.networks_of(ip).any(|name| name == text)))
            }
            fact if fact.is_of_request() => self.seen(fact)?.lists(text),
            fact => caller.lists(fact, text),
        }
    }
}

/// `application/json`, and what builds on it (`application/problem+json`), in
/// UTF-8. Upstreams that obey another `charset` would read other words: `+AGE-`
/// is `a` in UTF-7.
fn is_json(content_type: &[u8]) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    let mut parts = content_type.split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let essence = parts.next().unwrap_or_default();
    let json = essence == b"application/json"
        || (essence.starts_with(b"application/") && essence.ends_with(b"+json"));
    let is_charset = |part: &&[u8]| part.windows(7).any(|word| word == b"charset");
    json && parts.filter(is_charset).all(|part| matches!(part, b"charset=utf-8" | b"charset=\"utf-8\""))
}

/// As the WHATWG URL standard decodes forms, but for what is not well formed.
fn form_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_or_refused() {
        assert_eq!(form_decoded("a+b%20c%C3%A9").as_deref(), Some("a b cé"));
        for odd in ["%", "%2", "%zz", "%ff", "%c0%ae", "a%"] {
            assert_eq!(form_decoded(odd), None, "{odd}");
        }
    }

    #[test]
    fn json_is_what_says_so() {
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/merge-patch+json",
            "application/json;v=1;charset=\"UTF-8\"",
        ] {
            assert!(is_json(json.as_bytes()), "{json}");
        }
        for charset in ["utf-7", "iso-8859-1", "", "utf-8x", "\"utf-7\"", "utf-8;charset=utf-7"] {
            let other = format!("application/json; charset={charset}");
            assert!(!is_json(other.as_bytes()), "{other}");
        }
        for other in ["charset*=utf-8''utf-7", "charset =utf-7", "x;CHARSET=utf-7", "x=\";charset=utf-7\""] {
            assert!(!is_json(format!("application/json;{other}").as_bytes()), "{other}");
        }
        for other in ["", "text/json", "application/jsonp", "application/x-www-form-urlencoded", "json"] {
            assert!(!is_json(other.as_bytes()), "{other}");
        }
    }
}
