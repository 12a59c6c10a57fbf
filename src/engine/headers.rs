//! The headers that tell the upstream who calls.
//!
//! Every managed header is set or removed on every allow, so that a client's
//! own copy never survives. A value that can't be a header is a refusal, never
//! cut or left out.

use std::sync::Arc;

use serde_json::Value;

use super::held::Held;
use super::input::Headers;
use crate::config::{HeaderValue, UpstreamHeader};

/// All managed headers together, names and values, in bytes.
pub const MAX_HEADER_BYTES: usize = 8 << 10;

/// The managed headers, ready to be rendered.
#[derive(Debug, Clone, Default)]
pub struct HeaderPlan {
    headers: Vec<Managed>,
    /// Spellings that CGI-like upstreams read as the same name: all `_`, all `.`.
    /// Named whether the client sent them or not, so that no reading of the
    /// client's headers can miss them.
    lookalikes: Vec<Arc<str>>,
}

#[derive(Debug, Clone)]
struct Managed {
    name: Arc<str>,
    value: HeaderValue,
}

/// What an allow does to the request's headers. No name stands in both lists,
/// and every managed name stands in one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderChanges {
    /// Names and their values, which replace whatever the client sent.
    pub set: Vec<(Arc<str>, String)>,
    /// Names to remove.
    pub remove: Vec<Arc<str>>,
}

/// A value that may not become a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsafeValue {
    /// The header it was for.
    pub header: Arc<str>,
    /// What is wrong with it.
    pub why: &'static str,
}

impl HeaderChanges {
    /// About how many bytes these take in memory beside themselves; names are
    /// shared.
    pub fn bytes(&self) -> usize {
        let values: usize = self.set.iter().map(|(_, value)| value.len()).sum();
        values + size_of_val(self.set.as_slice()) + size_of_val(self.remove.as_slice())
    }
}

impl HeaderPlan {
    /// A plan for the configured headers.
    pub fn new(headers: &[UpstreamHeader]) -> Self {
        let managed: Vec<Managed> = headers
            .iter()
            .map(|h| Managed { name: h.name.as_str().into(), value: h.value.clone() })
            .collect();
        let spelled = |with: &'static str| managed.iter().map(move |m| Arc::from(m.name.replace('-', with)));
        let lookalikes = spelled("_").chain(spelled(".")).collect();
        Self { headers: managed, lookalikes }
    }

    /// The names of the managed headers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|m| &*m.name)
    }

    /// Whether a value names roles or codes, which are others where scoped
    /// bindings count.
    pub fn names_roles(&self) -> bool {
        let names = |value: &HeaderValue| match value {
            HeaderValue::UserRoles | HeaderValue::UserCodes | HeaderValue::UserPrimaryRole => true,
            HeaderValue::UserId | HeaderValue::UserGroups | HeaderValue::Claim(_) => false,
        };
        self.headers.iter().any(|managed| names(&managed.value))
    }

    /// The changes for one request: values from the caller where there is one,
    /// everything removed where there is none. `client` is looked through for
    /// further spellings of the managed names.
    pub fn render(
        &self,
        caller: Option<Held<'_>>,
        client: Headers<'_>,
    ) -> Result<HeaderChanges, UnsafeValue> {
        self.prepare(caller).map(|prepared| self.complete(&prepared, client))
    }

    /// The changes as far as they depend on the caller alone: good for every
    /// request on which the caller holds the same, once
    /// [`HeaderPlan::complete`]d for it.
    pub fn prepare(&self, caller: Option<Held<'_>>) -> Result<HeaderChanges, UnsafeValue> {
        let mut changes = HeaderChanges::default();
        let mut bytes = 0;
        for managed in &self.headers {
            let fault = |why| UnsafeValue { header: managed.name.clone(), why };
            let value = match caller {
                Some(caller) => value_of(&managed.value, caller).map_err(fault)?,
                None => String::new(),
            };
            if value.is_empty() {
                changes.remove.push(managed.name.clone());
                continue;
            }
            bytes += managed.name.len() + value.len();
            if bytes > MAX_HEADER_BYTES {
                return Err(fault("the headers together are larger than 8 KiB"));
            }
            changes.set.push((managed.name.clone(), value));
        }
        changes.remove.extend(self.lookalikes.iter().cloned());
        Ok(changes)
    }

    /// Prepared changes, with what a request's own headers add to them.
    pub fn complete(&self, prepared: &HeaderChanges, client: Headers<'_>) -> HeaderChanges {
        let mut changes = prepared.clone();
        self.mixed_lookalikes(client, &mut changes.remove);
        changes
    }

    /// Spellings such as `x-user_id` or `x!user!id`, which are too many to list
    /// beforehand: some upstreams read every odd character as the same one.
    fn mixed_lookalikes(&self, client: Headers<'_>, remove: &mut Vec<Arc<str>>) {
        let odd = |c: char| !c.is_ascii_alphanumeric();
        for (name, _) in client.iter().filter(|(name, _)| name.contains(|c| odd(c) && c != '-')) {
            let folded = name.replace(odd, "-").to_ascii_lowercase();
            let managed = self.headers.iter().any(|m| *m.name == *folded);
            if managed && !remove.iter().any(|listed| **listed == *name) {
                remove.push(name.into());
            }
        }
    }
}

/// The text of one header; empty where there is nothing to say.
fn value_of(value: &HeaderValue, caller: Held<'_>) -> Result<String, &'static str> {
    let subject = caller.principal().subject();
    match value {
        HeaderValue::UserId => single(&subject.user),
        HeaderValue::UserRoles => list(caller.role_names().into_iter()),
        HeaderValue::UserGroups => list(subject.groups.iter().map(String::as_str)),
        HeaderValue::UserCodes => list(caller.codes()),
        HeaderValue::UserPrimaryRole => single(caller.role_names().first().copied().unwrap_or_default()),
        HeaderValue::Claim(path) => claim(path.find(&subject.claims)),
    }
}

fn claim(value: Option<&Value>) -> Result<String, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::Array(items)) => {
            let texts: Vec<String> = items.iter().map(scalar).collect::<Result<_, _>>()?;
            list(texts.iter().map(String::as_str))
        }
        Some(value) => single(&scalar(value)?),
    }
}

fn scalar(value: &Value) -> Result<String, &'static str> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err("the claim is neither a scalar nor a list of scalars")
        }
    }
}

fn single(text: &str) -> Result<String, &'static str> {
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err("the value begins or ends with a space");
    }
    // A comma too: whoever splits every header at commas must not see two.
    encode(text, "%,")
}

/// Elements joined by commas, each encoded so that it can't be taken for two.
fn list<'a>(elements: impl Iterator<Item = &'a str>) -> Result<String, &'static str> {
    let mut joined = String::new();
    for element in elements {
        if element.is_empty() {
            return Err("an element of the list is empty");
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(&encode(element, "%,;\" ")?);
    }
    Ok(joined)
}

/// Percent-encodes what is not visible ASCII, and `%` itself, so that the
/// upstream can decode without doubt.
fn encode(text: &str, also: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            return Err("the value holds a control character");
        }
        if (c.is_ascii_graphic() || c == ' ') && !also.contains(c) {
            out.push(c);
        } else {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hdr_1_control_characters_are_refused() {
        for text in ["a\r\nb", "a\nb", "a\0", "\u{7f}", "a\tb", "a\u{85}b"] {
            assert!(single(text).is_err(), "{text:?}");
            assert!(list([text].into_iter()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn hdr_2_text_beyond_ascii_is_percent_encoded() {
        assert_eq!(single("Zoë ☃").as_deref(), Ok("Zo%C3%AB %E2%98%83"));
        assert_eq!(single("100%").as_deref(), Ok("100%25"));
        assert_eq!(single("Doe, Zoe").as_deref(), Ok("Doe%2C Zoe"));
    }

    #[test]
    fn hdr_3_one_element_never_becomes_two() {
        assert_eq!(list(["a,admin", "b c", "d;e"].into_iter()).as_deref(), Ok("a%2Cadmin,b%20c,d%3Be"));
        assert!(list(["a", "", "b"].into_iter()).is_err());
    }

    #[test]
    fn hdr_4_outer_spaces_are_refused() {
        assert!(single(" real").is_err() && single("real ").is_err());
    }

    #[test]
    fn claims_that_are_no_text_are_refused() {
        assert_eq!(claim(None).as_deref(), Ok(""));
        assert_eq!(claim(Some(&Value::Null)).as_deref(), Ok(""));
        assert_eq!(claim(Some(&serde_json::json!(["a", 1, true]))).as_deref(), Ok("a,1,true"));
        assert!(claim(Some(&serde_json::json!({"a": 1}))).is_err());
        assert!(claim(Some(&serde_json::json!([["a"]]))).is_err());
    }
}
