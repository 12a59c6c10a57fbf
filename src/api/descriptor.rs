//! Protobuf descriptor sets: services and methods into operations. One of the
//! files that name the protobuf crate.
//!
//! Messages of our own with the few fields that are needed: the crate's do not
//! keep `google.api.http`, which is an extension.

use std::collections::HashSet;

use prost::Message;

use super::http_rule;
use super::openapi::shape;
use super::operation::leave_out;
use super::{Api, Asks, Operation, one_line};
use crate::diag::{Code, Diagnostic, FileId, Report, Sources, Span};
use crate::policy::{Method, Template};

/// How many methods are read.
const MAX_METHODS: usize = 100_000;

#[derive(Clone, PartialEq, Message)]
struct FileSet {
    #[prost(message, repeated, tag = "1")]
    file: Vec<File>,
}

#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, optional, tag = "2")]
    package: Option<String>,
    #[prost(message, repeated, tag = "6")]
    service: Vec<Service>,
}

#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    method: Vec<Rpc>,
}

#[derive(Clone, PartialEq, Message)]
struct Rpc {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(message, optional, tag = "4")]
    options: Option<Options>,
}

#[derive(Clone, PartialEq, Message)]
struct Options {
    /// `google.api.http`.
    #[prost(message, optional, tag = "72295728")]
    http: Option<HttpRule>,
}

/// `google.api.HttpRule`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HttpRule {
    #[prost(string, optional, tag = "2")]
    pub(super) get: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub(super) put: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub(super) post: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub(super) delete: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub(super) patch: Option<String>,
    #[prost(message, optional, tag = "8")]
    pub(super) custom: Option<Custom>,
    #[prost(message, repeated, tag = "11")]
    pub(super) additional_bindings: Vec<HttpRule>,
}

/// A method of another name.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Custom {
    #[prost(string, optional, tag = "1")]
    pub(super) kind: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(super) path: Option<String>,
}

/// Reads a descriptor set. It has no lines, so places are those of a list of
/// its methods.
pub(super) fn read(name: &str, bytes: &[u8], sources: &mut Sources, report: &mut Report) -> Option<Api> {
    let set = match FileSet::decode(bytes) {
        Ok(set) => set,
        Err(_) => {
            report.push(super::not_an_api(format!("`{name}` is neither text nor a descriptor set")));
            return None;
        }
    };
    let mut methods: Vec<(String, Option<HttpRule>)> = Vec::new();
    for file in set.file {
        let package = file.package.filter(|package| !package.is_empty());
        for service in file.service {
            let service_name = service.name.unwrap_or_default();
            let service_name = match &package {
                Some(package) => format!("{package}.{service_name}"),
                None => service_name,
            };
            for rpc in service.method {
                let path = format!("/{service_name}/{}", rpc.name.unwrap_or_default());
                methods.push((path, rpc.options.and_then(|options| options.http)));
            }
        }
    }
    if methods.is_empty() {
        report.push(super::not_an_api(format!("`{name}` names no service with a method")));
        return None;
    }
    if methods.len() > MAX_METHODS {
        report.push(Diagnostic::nowhere(
            Code::TooLarge,
            format!("`{name}` names more than {MAX_METHODS} methods"),
        ));
        return None;
    }
    let list: String = methods.iter().map(|(path, _)| format!("rpc {}\n", one_line(path))).collect();
    let mut reader = Reader::new(sources.add(name, list.as_str()), report);
    let mut start = 0;
    for ((path, rule), line) in methods.into_iter().zip(list.lines()) {
        let at = Span { file: reader.file, start, end: start + line.len() };
        start += line.len() + 1;
        reader.method(&path, rule, at);
    }
    let Reader { operations, left_out, .. } = reader;
    Some(Api { title: one_line(name), operations, left_out, hosts: Vec::new(), bases: Vec::new() })
}

struct Reader<'r> {
    file: FileId,
    report: &'r mut Report,
    operations: Vec<Operation>,
    left_out: Vec<String>,
    seen: HashSet<(Method, String)>,
}

impl<'r> Reader<'r> {
    fn new(file: FileId, report: &'r mut Report) -> Self {
        Self { file, report, operations: Vec::new(), left_out: Vec::new(), seen: HashSet::new() }
    }

    fn method(&mut self, path: &str, rule: Option<HttpRule>, at: Span) {
        match Template::parse(path) {
            Ok(template)
                if template.segments.len() == 2 && !template.rest && template.params().next().is_none() =>
            {
                self.operation(Method::Grpc, template, format!("GRPC {path}"), None, at);
            }
            Ok(_) => self.leave_out(&format!("GRPC {path}"), "a gRPC path is `/package.Service/Method`", at),
            Err(fault) => self.leave_out(&format!("GRPC {path}"), &fault.message, at),
        }
        for binding in rule.iter().flat_map(http_rule::bindings) {
            let written = format!("{} {}", binding.method, binding.path);
            match http_rule::route(&binding) {
                Ok((method, template)) => {
                    let note = format!("by HTTP: {}", path.trim_start_matches('/'));
                    self.operation(method, template, written, Some(one_line(&note)), at);
                }
                Err(why) => self.leave_out(&written, &why, at),
            }
        }
    }

    fn operation(
        &mut self,
        method: Method,
        template: Template,
        written: String,
        note: Option<String>,
        at: Span,
    ) {
        if !self.seen.insert((method, shape(&template))) {
            return self.leave_out(&written, "another one matches the same requests", at);
        }
        let (written, asks) = (one_line(&written), Asks::default());
        self.operations.push(Operation { method, template, written, at, note, asks });
    }

    fn leave_out(&mut self, what: &str, why: &str, at: Span) {
        leave_out(what, why, at, self.report, &mut self.left_out);
    }
}
