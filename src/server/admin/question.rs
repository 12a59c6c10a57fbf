//! The request that somebody describes in JSON, by the names that the answer has.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::config::Issuer;
use crate::engine::Subject;
use crate::identity::Refusal;
use crate::policy::instant::rfc3339;
use crate::trial::{self, Asked};
use crate::words::is_header_name;

/// A request, and who would send it.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) asked: Asked,
    pub(super) service: Option<String>,
    pub(super) source: Option<IpAddr>,
    pub(super) peer: Option<String>,
    /// Nobody, somebody, or a refusal that such claims would meet.
    pub(super) caller: Option<Result<Subject, Refusal>>,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// All members that there are.
const KNOWN: &str = "`decision_id` alone, or `method`, `url` or `path` and `host`, `headers`, `body`, `service`, \
                     `source_ip`, `peer`, `time`, and `claims` or `user`, `roles`, `groups`, `codes`";

impl Question {
    /// Reads one; what is wrong, otherwise. Nothing of a value is repeated.
    pub(super) fn read(
        object: Map<String, Value>,
        issuers: &[Issuer],
        now: u64,
        is_credential: impl Fn(&str) -> bool,
    ) -> Result<Self, String> {
        let mut members = Members(object);
        let method = members.text("method")?.ok_or("`method` is missing")?;
        let (url, path) = (members.text("url")?, members.text("path")?);
        let host = members.text("host")?;
        let url = match (url, path) {
            (Some(url), None) => url,
            (None, Some(path)) if path.starts_with('/') => path,
            (None, Some(_)) => return Err("`path` begins with `/`".to_owned()),
            _ => return Err("write either `url` or `path`".to_owned()),
        };
        let headers = members.headers()?;
        if let Some((name, _)) = headers.iter().find(|(name, _)| is_credential(name)) {
            return Err(format!(
                "`{name}` holds credentials, which are not taken here: write `user` or `claims`"
            ));
        }
        let asked = Asked::new(&method, &url, host.as_deref(), headers, members.text("body")?)?;
        let source = match members.text("source_ip")? {
            Some(text) => Some(text.parse().map_err(|_| "`source_ip` is not an IP address")?),
            None => None,
        };
        let now = match members.text("time")? {
            Some(text) => rfc3339(&text).ok_or("`time` is not a time such as `2027-03-31T12:00:00Z`")?,
            None => now,
        };
        let question = Self {
            asked,
            service: members.text("service")?,
            source,
            peer: members.text("peer")?.filter(|peer| !peer.is_empty()),
            caller: members.caller(issuers)?,
            now,
        };
        match members.0.keys().next() {
            Some(unknown) => {
                Err(format!("`{}` is not known here: there are {KNOWN}", unknown.escape_debug()))
            }
            None => Ok(question),
        }
    }
}

/// What was not read yet.
struct Members(Map<String, Value>);

impl Members {
    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.0.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is a text")),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, String> {
        let wrong = || format!("`{name}` is a list of texts");
        match self.0.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| text(item).ok_or_else(wrong)).collect(),
            Some(_) => Err(wrong()),
        }
    }

    /// An object of names and values; a value that stands several times is a list.
    fn headers(&mut self) -> Result<Vec<(String, String)>, String> {
        const WRONG: &str = "`headers` is an object of names, each with a text or a list of texts";
        let mut headers = Vec::new();
        let named = match self.0.remove("headers") {
            None => Map::new(),
            Some(Value::Object(named)) => named,
            Some(_) => return Err(WRONG.to_owned()),
        };
        for (name, value) in named {
            let name = name.to_ascii_lowercase();
            if !is_header_name(&name) || name == "host" {
                return Err("`headers` has a name that no header has; the host is `host`".to_owned());
            }
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                headers.push((name.clone(), text(&value).ok_or(WRONG)?));
            }
        }
        Ok(headers)
    }

    fn caller(&mut self, issuers: &[Issuer]) -> Result<Option<Result<Subject, Refusal>>, String> {
        let (user, claims) = (self.text("user")?, self.0.remove("claims"));
        let lists = [self.texts("roles")?, self.texts("groups")?, self.texts("codes")?];
        let [roles, groups, codes] = &lists;
        match (user, claims) {
            (Some(_), Some(_)) => Err("write either `user` or `claims`".to_owned()),
            (Some(user), None) => {
                let named =
                    trial::named(&user, roles, groups, codes).map_err(|why| format!("`user` is {why}"))?;
                Ok(Some(Ok(named)))
            }
            (None, _) if lists.iter().any(|list| !list.is_empty()) => {
                Err("`roles`, `groups` and `codes` are those of a `user`".to_owned())
            }
            (None, Some(Value::Object(claims))) => Ok(Some(trial::claimed(claims, issuers)?)),
            (None, Some(_)) => Err("`claims` is an object".to_owned()),
            (None, None) => Ok(None),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<Question, String> {
        let object = value.as_object().unwrap().clone();
        Question::read(object, &[], 7, |name| name == "authorization" || name == "x-token")
    }

    #[test]
    fn everything_that_check_takes_is_read() {
        let question = read(json!({
            "method": "GET", "url": "http://api.test/a?b", "headers": { "X-A": ["1", "2"], "x-b": "3" },
            "service": "shop", "source_ip": "203.0.113.9", "peer": "spiffe://a/b",
            "user": "ann", "roles": ["viewer"], "groups": ["/g"], "codes": ["a:b"],
            "time": "1970-01-01T00:00:09Z",
        }))
        .unwrap();
        assert_eq!((&*question.asked.host, &*question.asked.path), ("api.test", "/a?b"));
        assert_eq!(question.asked.scheme, "http");
        assert_eq!(question.asked.headers.len(), 3);
        assert_eq!((question.service.as_deref(), question.now), (Some("shop"), 9));
        let subject = question.caller.unwrap().unwrap();
        assert_eq!(
            (subject.user, subject.roles, subject.codes),
            ("ann".into(), vec!["viewer".into()], vec!["a:b".into()])
        );
        let question = read(json!({ "method": "GRPC", "path": "/a/B", "host": "h" })).unwrap();
        assert_eq!((&*question.asked.method, question.caller.is_none(), question.now), ("POST", true, 7));
        assert!(
            read(json!({ "method": "GET", "path": "/", "claims": { "sub": "ann" } }))
                .unwrap()
                .caller
                .is_some()
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_and_never_repeated() {
        let base = json!({ "method": "GET", "path": "/" });
        for (more, told) in [
            (json!({ "method": null }), "`method`"),
            (json!({ "path": "a" }), "`path`"),
            (json!({ "url": "/x" }), "either `url` or `path`"),
            (json!({ "headers": { "authorization": "hidden" } }), "`authorization` holds credentials"),
            (json!({ "headers": { "X-Token": "hidden" } }), "`x-token` holds credentials"),
            (json!({ "headers": { "host": "hidden" } }), "`host`"),
            (json!({ "headers": { "a b": "hidden" } }), "no header"),
            (json!({ "headers": { "a": 1 } }), "`headers`"),
            (json!({ "headers": ["hidden"] }), "`headers`"),
            (json!({ "source_ip": "hidden" }), "`source_ip`"),
            (json!({ "time": "hidden" }), "`time`"),
            (json!({ "user": "hidden,two" }), "`user`"),
            (json!({ "user": "ann", "claims": {} }), "either `user` or `claims`"),
            (json!({ "claims": "hidden" }), "`claims`"),
            (json!({ "roles": ["hidden"] }), "those of a `user`"),
            (json!({ "user": "ann", "roles": "hidden" }), "`roles`"),
            (json!({ "token": "hidden" }), "`token` is not known here"),
        ] {
            let mut object = base.as_object().unwrap().clone();
            object.extend(more.as_object().unwrap().clone());
            let why = read(Value::Object(object)).unwrap_err();
            assert!(why.contains(told) && !why.contains("hidden"), "{more}: {why}");
        }
    }
}
