//! The headers that tell the upstream who calls.
//!
//! Every managed header is set or removed on every allow, so that a client's
//! own copy never survives. A value that can't be a header is a refusal, never
//! cut or left out.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::caller::{CallerFacts, On};
use super::decision::Decision;
use super::held::Held;
use super::input::{Headers, Input};
use crate::compile::{Expression, Fact, Facts, Fault, Header, Index, Output, ServiceId};
use crate::policy::RequestPath;
use crate::words::escape;

/// All managed headers together, names and values, in bytes.
pub const MAX_HEADER_BYTES: usize = 8 << 10;

/// The managed headers, ready to be rendered.
#[derive(Debug, Clone, Default)]
pub struct HeaderPlan {
    /// For services without headers of their own.
    general: Box<[Managed]>,
    of_services: HashMap<ServiceId, Box<[Managed]>>,
    /// Spellings that CGI-like upstreams read as the same name: all `_`, all `.`.
    /// Named whether the client sent them or not, so that no reading of the
    /// client's headers can miss them.
    lookalikes: Vec<Arc<str>>,
}

/// A managed name, and for one service its value.
#[derive(Debug, Clone)]
struct Managed {
    name: Arc<str>,
    /// None for a name that only other services are told: it is removed.
    value: Option<Arc<Expression>>,
    depends: Depends,
}

/// What a value depends on beside the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depends {
    Nothing,
    /// What is held: others where scoped bindings count.
    Roles,
    /// The path, or the service.
    Request,
}

/// What an allow does to the request's headers. No name stands in both lists,
/// and every managed name stands in one. What was rendered before is borrowed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderChanges<'a> {
    /// Names and their values, which replace whatever the client sent.
    pub set: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Names to remove.
    pub remove: Vec<Cow<'a, str>>,
}

impl HeaderChanges<'_> {
    /// The same, for whoever keeps them.
    pub fn into_owned(self) -> HeaderChanges<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            text.into_owned().into()
        }
        HeaderChanges {
            set: self.set.into_iter().map(|(name, value)| (own(name), own(value))).collect(),
            remove: self.remove.into_iter().map(own).collect(),
        }
    }
}

/// A value that may not become a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsafeValue {
    /// The header it was for.
    pub header: Arc<str>,
    /// What is wrong with it.
    pub why: &'static str,
}

/// The values that depend on the caller alone, rendered once for all requests
/// to services that are told the same.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The service, if it has headers of its own.
    own: Option<ServiceId>,
    /// As the plan's headers; none for those that depend on more.
    values: Box<[Option<Rendered>]>,
}

/// The text of a header, empty where there is nothing to say.
type Rendered = Result<String, &'static str>;

impl Prepared {
    /// About how many bytes these take in memory beside themselves.
    pub fn bytes(&self) -> usize {
        let texts = self.values.iter().flatten().flatten();
        size_of_val(&*self.values) + texts.map(String::len).sum::<usize>()
    }
}

impl HeaderPlan {
    /// A plan for the configured headers and those of the policy's services.
    pub fn new(general: &[Header], index: &Index) -> Self {
        let own = index.services().flat_map(|(_, service)| &service.headers);
        let all = general.iter().chain(own).map(|header| header.name.as_str());
        // Every name is managed for every service.
        let names: BTreeMap<&str, Arc<str>> = all.map(|name| (name, Arc::from(name))).collect();
        let plan = |own: &[Header]| -> Box<[Managed]> {
            let value = |name: &str| own.iter().chain(general).find(|header| header.name.as_str() == name);
            names.iter().map(|(name, shared)| Managed::new(shared, value(name))).collect()
        };
        let with_own = index.services().filter(|(_, service)| !service.headers.is_empty());
        let of_services = with_own.map(|(id, service)| (id, plan(&service.headers))).collect();
        let spelled = |with: &'static str| names.keys().map(move |name| Arc::from(name.replace('-', with)));
        let lookalikes = spelled("_").chain(spelled(".")).collect();
        Self { general: plan(&[]), of_services, lookalikes }
    }

    /// Renders what depends on nothing but the caller.
    pub fn prepare(&self, index: &Index, service: ServiceId, caller: Held<'_>) -> Prepared {
        let facts = CallerFacts::new(index, caller, None);
        let value = |managed: &Managed| {
            let value = managed.value.as_ref().filter(|_| managed.depends != Depends::Request);
            value.map(|value| render(value, &facts))
        };
        Prepared { own: self.own(service), values: self.managed(service).iter().map(value).collect() }
    }

    /// The changes for one allowed request: values from the caller where there
    /// is one, everything removed where there is none. The client's headers are
    /// looked through for further spellings of the managed names.
    pub fn changes<'a>(
        &'a self,
        prepared: Option<&'a Prepared>,
        index: &Index,
        decision: &Decision,
        input: &Input<'a>,
    ) -> Result<HeaderChanges<'a>, UnsafeValue> {
        let managed = decision.service.map_or(&*self.general, |service| self.managed(service));
        let same = |prepared: &&Prepared| decision.service.is_some_and(|id| self.own(id) == prepared.own);
        let prepared = prepared.filter(same);
        let caller = decision.held(index);
        let asks = managed.iter().any(|managed| managed.depends == Depends::Request);
        let path = asks.then(|| RequestPath::parse(input.path).ok()).flatten();
        let on = On::of(index, decision, path.as_ref());
        let facts = caller.map(|caller| CallerFacts::new(index, caller, on));
        let scoped = caller.is_some_and(Held::is_scoped);

        let mut changes = HeaderChanges::default();
        let mut bytes = 0;
        for (at, Managed { name, value, depends }) in managed.iter().enumerate() {
            let fault = |why| UnsafeValue { header: name.clone(), why };
            let known = prepared.and_then(|prepared| prepared.values.get(at)?.as_ref());
            let value = match (known.filter(|_| !(scoped && *depends == Depends::Roles)), value, &facts) {
                (Some(Ok(known)), ..) => Cow::Borrowed(known.as_str()),
                (Some(Err(why)), ..) => return Err(fault(why)),
                (None, Some(value), Some(facts)) => Cow::Owned(render(value, facts).map_err(fault)?),
                (None, ..) => Cow::Borrowed(""),
            };
            if value.is_empty() {
                changes.remove.push(Cow::Borrowed(name));
                continue;
            }
            bytes += name.len() + value.len();
            if bytes > MAX_HEADER_BYTES {
                return Err(fault("the headers together are larger than 8 KiB"));
            }
            changes.set.push((Cow::Borrowed(name), value));
        }
        changes.remove.extend(self.lookalikes.iter().map(|name| Cow::Borrowed(&**name)));
        self.mixed_lookalikes(input.headers, &mut changes.remove);
        Ok(changes)
    }

    fn managed(&self, service: ServiceId) -> &[Managed] {
        self.of_services.get(&service).unwrap_or(&self.general)
    }

    /// The service itself, if it has headers of its own.
    fn own(&self, service: ServiceId) -> Option<ServiceId> {
        self.of_services.contains_key(&service).then_some(service)
    }

    /// Spellings such as `x-user_id` or `x!user!id`, which are too many to list
    /// beforehand: some upstreams read every odd character as the same one.
    fn mixed_lookalikes<'a>(&self, client: Headers<'a>, remove: &mut Vec<Cow<'a, str>>) {
        let odd = |c: char| !c.is_ascii_alphanumeric();
        // Names as they should be are many: they are told apart byte by byte.
        let is_odd = |name: &str| name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-');
        for (name, _) in client.iter().filter(|(name, _)| is_odd(name)) {
            let folded = name.replace(odd, "-").to_ascii_lowercase();
            let managed = self.general.iter().any(|m| *m.name == *folded);
            if managed && !remove.iter().any(|listed| **listed == *name) {
                remove.push(Cow::Borrowed(name));
            }
        }
    }
}

impl Managed {
    fn new(name: &Arc<str>, header: Option<&Header>) -> Self {
        let value = header.map(|header| Arc::clone(&header.value));
        let depends = value.as_ref().map_or(Depends::Nothing, |value| Depends::of(value));
        Self { name: Arc::clone(name), value, depends }
    }
}

impl Depends {
    fn of(value: &Expression) -> Self {
        let any = |test: fn(&Fact) -> bool| value.facts().any(test);
        if any(|fact| fact.is_of_request() || matches!(fact, Fact::Param(_) | Fact::Service)) {
            Self::Request
        } else if any(|fact| matches!(fact, Fact::Roles | Fact::Codes | Fact::PrimaryRole)) {
            Self::Roles
        } else {
            Self::Nothing
        }
    }
}

fn render(value: &Expression, facts: &dyn Facts) -> Rendered {
    match value.output(facts) {
        Ok(Output::Text(text)) => single(&text),
        Ok(Output::List(items)) => list(items.iter().map(String::as_str)),
        Ok(Output::Nothing) | Err(Fault::Missing) => Ok(String::new()),
        Err(Fault::Type) => Err("the value is neither a scalar nor a list of scalars"),
        Err(fault) => Err(fault.as_str()),
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
                escape(byte, &mut out);
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
}
