//! A description of an API, and how a policy goes with it.
//!
//! An OpenAPI document or a protobuf descriptor set names operations; each is
//! what one route of a policy could be. They are compared with the routes that
//! are there, or written as a policy that denies them all. What can't be a route
//! is told, never dropped. This room opens no file and asks nobody.

mod compare;
mod descriptor;
mod http_rule;
mod openapi;
mod operation;
mod security;
mod servers;
mod skeleton;

use crate::diag::{Code, Diagnostic, Report, Sources, Span};
use crate::policy::{Method, Template};

pub use compare::{Against, compare};
pub use skeleton::skeleton;

/// What a description says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The file, and what the description calls itself.
    pub title: String,
    /// Its operations, in the order of the file, each path and method once.
    pub operations: Vec<Operation>,
    /// What no route can be, and why, for people.
    pub left_out: Vec<String>,
    /// The hosts that it names.
    pub hosts: Vec<String>,
    /// The paths that its operations lie under; empty where nothing is said.
    pub bases: Vec<String>,
}

/// One operation: a method on paths of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The method; a gRPC method is `GRPC`.
    pub method: Method,
    /// Its paths, the parameters named as a policy may name them.
    pub template: Template,
    /// `GET /events/{eventId}`, as it was written.
    pub written: String,
    /// Where it stands.
    pub at: Span,
    /// What it is for.
    pub note: Option<String>,
    /// What the description says of who may call.
    pub asks: Asks,
}

/// What a description says of who may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks {
    /// The keys of a route that say the same.
    pub keys: Vec<String>,
    /// What no key says, in words.
    pub remarks: Vec<String>,
    /// The codes among the keys.
    pub codes: Vec<String>,
    /// The roles among the keys.
    pub roles: Vec<String>,
}

/// Reads a description; the report says what is wrong with it. `None` where so
/// much is that the rest means nothing.
pub fn read(name: &str, bytes: Vec<u8>, sources: &mut Sources, report: &mut Report) -> Option<Api> {
    match text(name, bytes) {
        Ok(text) => {
            let file = sources.add(name, text.as_str());
            openapi::read(name, file, &text, report)
        }
        Err(bytes) => descriptor::read(name, &bytes, sources, report),
    }
}

/// What names of descriptor sets end with.
const BINARY: [&str; 5] = [".binpb", ".pb", ".desc", ".protoset", ".bin"];

/// The text of a file that is text. No description in words holds control
/// characters; every descriptor set does.
fn text(name: &str, bytes: Vec<u8>) -> Result<String, Vec<u8>> {
    if BINARY.iter().any(|end| name.ends_with(end)) {
        return Err(bytes);
    }
    let odd = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\n' | b'\r' | b'\t');
    if bytes.iter().any(odd) {
        return Err(bytes);
    }
    String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
}

/// The finding about a file that is no description.
fn not_an_api(message: impl Into<String>) -> Diagnostic {
    Diagnostic::nowhere(Code::NotAnApi, message).help(
        "give an OpenAPI 3 document in YAML or JSON, or a descriptor set as `buf build -o api.binpb` or `protoc \
         --include_imports -o api.binpb` writes it",
    )
}

/// Words of somebody else on one line of a comment.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 120;
    let shown = |c: char| if c.is_control() || crate::words::is_unseen(c) { ' ' } else { c };
    let words: String = text.chars().map(shown).collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((to, _)) => format!("{}..", words.get(..to).unwrap_or_default()),
        None => words,
    }
}
