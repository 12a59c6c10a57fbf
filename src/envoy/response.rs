//! The only place where a CheckResponse is made.
//!
//! To Envoy an empty message, a status of 0 beside a denial, or a status that
//! is left out is an *allow*. So there is one way from an answer to a message:
//! an allow always carries an `ok_response`, a denial always a status other than
//! 0 and a `denied_response`. What Envoy offers besides is not used:
//! `error_response` obeys `failure_mode_allow`, query parameters are not
//! encoded, response headers may split responses.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{BoolValue, Struct, Value};
use envoy_types::pb::google::rpc;

use crate::engine::HeaderChanges;
use crate::gate::{Allow, Answer, Denial, Outcome};

/// The message that says this to Envoy.
pub(super) fn response(answer: Answer) -> CheckResponse {
    let Answer { outcome, described } = answer;
    let (code, http_response) = match outcome {
        Outcome::Allow(allow) => (0, HttpResponse::OkResponse(ok(allow))),
        Outcome::Deny(denial) => (denial.grpc(), HttpResponse::DeniedResponse(denied(denial))),
    };
    CheckResponse {
        status: Some(rpc::Status { code, message: String::new(), details: Vec::new() }),
        dynamic_metadata: Some(metadata(described)),
        http_response: Some(http_response),
    }
}

fn ok(allow: Allow) -> OkHttpResponse {
    let HeaderChanges { set, remove } = allow.into_changes();
    OkHttpResponse {
        headers: set.into_iter().map(|(name, value)| overwrite(name.to_string(), value)).collect(),
        headers_to_remove: remove.iter().map(|name| name.to_string()).collect(),
        ..OkHttpResponse::default()
    }
}

fn denied(denial: Denial) -> DeniedHttpResponse {
    let status = denial.status();
    let (headers, body) = denial.into_parts();
    DeniedHttpResponse {
        status: Some(HttpStatus { code: status.into() }),
        headers: headers.into_iter().map(|(name, value)| overwrite(name.to_owned(), value)).collect(),
        body,
    }
}

/// One value in place of all others. Today's Envoy reads `append`, others read
/// `append_action`, whose default appends: both are said.
fn overwrite(key: String, value: String) -> HeaderValueOption {
    #[expect(deprecated, reason = "the only one of the two that Envoy 1.36 to 1.40 obey")]
    HeaderValueOption {
        header: Some(HeaderValue { key, value, raw_value: Vec::new() }),
        append: Some(BoolValue { value: false }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        keep_empty_value: false,
    }
}

/// Dynamic metadata: what Envoy's access log and later filters can read about
/// a decision, under `envoy.filters.http.ext_authz`.
fn metadata(described: Vec<(&'static str, String)>) -> Struct {
    let value = |text| Value { kind: Some(Kind::StringValue(text)) };
    Struct { fields: described.into_iter().map(|(name, text)| (name.to_owned(), value(text))).collect() }
}

#[cfg(test)]
mod tests;
