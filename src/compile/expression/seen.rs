//! The answers to what expressions ask, and who gives them.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Map, Value};

use super::Output;
use super::fact::Fact;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen<'f> {
    /// One text.
    Text(Cow<'f, str>),
    /// Texts.
    Texts(Vec<Cow<'f, str>>),
    /// A whole number.
    Int(i64),
    /// Part of a token or of a body.
    Json(&'f Value),
    /// Members of a token or of a body.
    Members(&'f Map<String, Value>),
    /// Names and the values of each.
    Lists(Vec<(Cow<'f, str>, Vec<Cow<'f, str>>)>),
}

/// Why there is no answer, or none that can be used. An expression that comes
/// upon one is neither true nor false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there, but not what the expression takes it for.
    Type,
    /// It is there, but can't be read in one way: a header with two values, say.
    Unusable,
    /// The body was not sent whole, is not JSON, or has a key twice.
    Body,
    /// Its loops make too many rounds.
    TooLong,
    /// Something else that CEL calls an error, such as a division by zero.
    Failed,
}

impl Fault {
    /// A few words on it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "something that the expression names is not there",
            Self::Type => "a value has another type than the expression takes it for",
            Self::Unusable => "a value that the expression names can be read in more than one way",
            Self::Body => "the body was not sent whole, or is not JSON",
            Self::TooLong => "the expression would go through too many values",
            Self::Failed => "the expression could not be worked out",
        }
    }
}

/// Whoever knows the request. Each answer is worked out when it is asked for,
/// and only then.
pub trait Facts: Send + Sync {
    /// The answer.
    fn seen(&self, fact: &Fact) -> Result<Seen<'_>, Fault>;

    /// Whether a fact that is a list of texts holds one.
    fn lists(&self, fact: &Fact, text: &str) -> Result<bool, Fault> {
        self.seen(fact)?.lists(text)
    }
}

/// Nothing of the request: it may hold what must not be written down.
impl fmt::Debug for dyn Facts + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Facts")
    }
}

/// As JSON.
impl fmt::Display for Seen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Value::from(&**text)),
            Self::Texts(texts) => write!(f, "{}", texts.iter().map(|text| &**text).collect::<Value>()),
            Self::Int(n) => write!(f, "{n}"),
            Self::Json(value) => write!(f, "{value}"),
            Self::Members(members) => {
                write!(f, "{{{}}}", members.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
            }
            Self::Lists(lists) => {
                write!(f, "{{{}}}", lists.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl Seen<'_> {
    /// As a value: texts, numbers and booleans, and lists of them.
    pub(super) fn output(self) -> Result<Output, Fault> {
        match self {
            Seen::Text(text) => Ok(Output::Text(text.into_owned())),
            Seen::Texts(texts) => Ok(Output::List(texts.into_iter().map(Cow::into_owned).collect())),
            Seen::Int(n) => Ok(Output::Text(n.to_string())),
            Seen::Json(Value::Null) => Ok(Output::Nothing),
            Seen::Json(Value::Array(items)) => {
                items.iter().map(scalar).collect::<Result<_, _>>().map(Output::List)
            }
            Seen::Json(value) => scalar(value).map(Output::Text),
            Seen::Members(_) | Seen::Lists(_) => Err(Fault::Type),
        }
    }

    /// CEL's `in`, for a text: among the items of a list or the names of a map.
    pub fn lists(&self, text: &str) -> Result<bool, Fault> {
        match *self {
            Seen::Texts(ref texts) => Ok(texts.iter().any(|t| t == text)),
            Seen::Json(Value::Array(items)) => Ok(items.iter().any(|item| item.as_str() == Some(text))),
            Seen::Json(Value::Object(members)) | Seen::Members(members) => Ok(members.contains_key(text)),
            Seen::Lists(ref lists) => Ok(lists.iter().any(|(name, _)| name == text)),
            Seen::Text(_) | Seen::Int(_) | Seen::Json(_) => Err(Fault::Type),
        }
    }
}

fn scalar(value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(Fault::Type),
    }
}

/// The value at the end of a path of members.
pub fn walk<'f>(root: &'f Map<String, Value>, path: &[Box<str>]) -> Result<Seen<'f>, Fault> {
    let Some((first, rest)) = path.split_first() else { return Ok(Seen::Members(root)) };
    let mut value = root.get(&**first).ok_or(Fault::Missing)?;
    for member in rest {
        value = value.as_object().ok_or(Fault::Type)?.get(&**member).ok_or(Fault::Missing)?;
    }
    Ok(Seen::Json(value))
}

/// CEL's `has()`: whether the last member is there. What leads to it must be.
pub(super) fn has(facts: &dyn Facts, fact: &Fact) -> Result<bool, Fault> {
    let below = |path: &[Box<str>], of: fn(Box<[Box<str>]>) -> Fact| match path.split_last() {
        Some((last, before)) => match facts.seen(&of(before.into()))? {
            Seen::Members(members) | Seen::Json(Value::Object(members)) => Ok(members.contains_key(&**last)),
            _ => Err(Fault::Type),
        },
        None => facts.seen(fact).map(|_| true),
    };
    match fact {
        Fact::Claims(path) => below(path, Fact::Claims),
        Fact::Body(path) => below(path, Fact::Body),
        _ => match facts.seen(fact) {
            Ok(_) => Ok(true),
            Err(Fault::Missing) => Ok(false),
            // Two headers are a header that is there. Of a query that is not well
            // formed nothing is known.
            Err(Fault::Unusable) if matches!(fact, Fact::Header(_)) => Ok(true),
            Err(fault) => Err(fault),
        },
    }
}
