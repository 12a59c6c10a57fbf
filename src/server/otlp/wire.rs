//! The messages of OTLP, as far as spans need them.
//!
//! Field numbers are those of `opentelemetry/proto` 1.x, which do not change. The
//! tests read what is written here with the messages that its project generates.

use prost::{Message, Oneof};

use crate::telemetry::{Kind, Span, SpanValue};

/// What is sent.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<ResourceSpans>,
}

/// What comes back.
#[derive(Clone, PartialEq, Message)]
pub(super) struct ExportTraceServiceResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

/// How much of it was not taken.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    pub(super) rejected_spans: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

/// Who sends.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Resource {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Resource>,
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct ScopeSpans {
    #[prost(message, optional, tag = "1")]
    scope: Option<Scope>,
    #[prost(message, repeated, tag = "2")]
    spans: Vec<OneSpan>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Clone, PartialEq, Message)]
struct OneSpan {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    trace_state: String,
    #[prost(bytes = "vec", tag = "4")]
    parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<SpanStatus>,
    #[prost(fixed32, tag = "16")]
    flags: u32,
}

#[derive(Clone, PartialEq, Message)]
struct SpanStatus {
    #[prost(int32, tag = "3")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(oneof = "Any", tags = "1, 2, 3")]
    value: Option<Any>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Any {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Flag(bool),
    #[prost(int64, tag = "3")]
    Number(i64),
}

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const ERROR: i32 = 2;

impl Resource {
    /// This process, with what the configuration says of it.
    pub(super) fn new(service: &str, more: &[(String, String)]) -> Self {
        let own = [("service.name", service), ("service.version", env!("DOORWARD_VERSION"))];
        let more = more.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Self {
            attributes: own
                .into_iter()
                .chain(more)
                .map(|(name, text)| told(name, Any::Text(text.to_owned())))
                .collect(),
        }
    }
}

/// One batch, as it is sent.
pub(super) fn request(resource: &Resource, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = Scope { name: "doorward".to_owned(), version: env!("DOORWARD_VERSION").to_owned() };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans: spans.into_iter().map(one).collect() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: Some(resource.clone()), scope_spans }],
    }
}

fn one(span: Span) -> OneSpan {
    let Span { trace, id, parent, state, flags, name, kind, from, to, attributes, fault } = span;
    OneSpan {
        trace_id: trace.bytes().to_vec(),
        span_id: id.get().to_be_bytes().to_vec(),
        trace_state: state,
        parent_span_id: parent.map_or_else(Vec::new, |parent| parent.get().to_be_bytes().to_vec()),
        name: name.to_owned(),
        kind: match kind {
            Kind::Internal => INTERNAL,
            Kind::Server => SERVER,
        },
        start_time_unix_nano: from,
        end_time_unix_nano: to,
        attributes: attributes.into_iter().map(|(name, value)| told(name, any(value))).collect(),
        status: fault.then_some(SpanStatus { code: ERROR }),
        flags,
    }
}

fn any(value: SpanValue) -> Any {
    match value {
        SpanValue::Text(text) => Any::Text(text.into_owned()),
        SpanValue::Number(number) => Any::Number(number),
        SpanValue::Flag(flag) => Any::Flag(flag),
    }
}

fn told(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
