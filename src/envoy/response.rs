//! The only place where a CheckResponse is made.
//!
//! To Envoy an empty message, a status of 0 beside a denial, or a status that
//! is left out is an *allow*. So there are three constructors and no other way:
//! [`allow`] always carries an `ok_response`, [`deny`] and [`redirect`] always a
//! status other than 0 and a `denied_response`. What Envoy offers besides is not used:
//! `error_response` obeys `failure_mode_allow`, query parameters are not
//! encoded, response headers may split responses.

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::{BoolValue, Struct};
use envoy_types::pb::google::rpc;

use crate::denial::Location;
use crate::engine::HeaderChanges;
use crate::words::Refusal;

/// What the caller of a denied request gets. Built by `problem`, of constant
/// words and of names out of the policy; never of words of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) refusal: Refusal,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// A header that may not be sent as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnsafeHeader;

/// An allow, with the managed headers set or removed. The names and values
/// were checked when they were made; they are checked once more here, because
/// an Envoy without `validate_mutations` sends what it is given.
pub(super) fn allow(changes: HeaderChanges, metadata: Struct) -> Result<CheckResponse, UnsafeHeader> {
    let HeaderChanges { set, mut remove } = changes;
    let mut headers = Vec::with_capacity(set.len());
    for (name, value) in set {
        if !is_name(&name) || !is_value(&value) {
            return Err(UnsafeHeader);
        }
        if value.is_empty() {
            // Envoys differ in what an empty value does to the client's own.
            remove.push(name);
        } else {
            headers.push(overwrite(name.to_string(), value));
        }
    }
    // Envoy removes after it sets: a name in both lists would be lost.
    let is_set = |name: &str| headers.iter().any(|option| key(option).eq_ignore_ascii_case(name));
    remove.retain(|name| !is_set(name));
    if remove.iter().any(|name| name.is_empty()) {
        return Err(UnsafeHeader);
    }
    Ok(CheckResponse {
        status: Some(rpc::Status { code: 0, message: String::new(), details: Vec::new() }),
        dynamic_metadata: Some(metadata),
        http_response: Some(HttpResponse::OkResponse(OkHttpResponse {
            headers,
            headers_to_remove: remove.iter().map(|name| name.to_string()).collect(),
            ..OkHttpResponse::default()
        })),
    })
}

/// A denial. Always complete: Envoy can neither take it for an allow nor for a
/// fault that `failure_mode_allow` would open.
pub(super) fn deny(denial: Denial, metadata: Struct) -> CheckResponse {
    let Denial { refusal, headers, body } = denial;
    denied(refusal.grpc(), refusal.http(), headers, body, metadata)
}

/// The way to the login page, for a browser whose request was denied: the only
/// denial that is no refusal to HTTP.
pub(super) fn redirect(location: &Location, metadata: Struct) -> CheckResponse {
    let headers = vec![
        ("location", location.as_str().to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("vary", "accept".to_owned()),
    ];
    denied(Refusal::Unauthorized.grpc(), Location::STATUS, headers, String::new(), metadata)
}

fn denied(
    code: i32,
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
    metadata: Struct,
) -> CheckResponse {
    let safe = |(name, value): &(&str, String)| is_name(name) && is_value(value) && !value.is_empty();
    CheckResponse {
        status: Some(rpc::Status { code, message: String::new(), details: Vec::new() }),
        dynamic_metadata: Some(metadata),
        http_response: Some(HttpResponse::DeniedResponse(DeniedHttpResponse {
            status: Some(HttpStatus { code: status.into() }),
            headers: headers
                .into_iter()
                .filter(safe)
                .map(|(name, value)| overwrite(name.to_owned(), value))
                .collect(),
            body,
        })),
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

fn key(option: &HeaderValueOption) -> &str {
    option.header.as_ref().map_or("", |header| &header.key)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|b| matches!(b, b' '..=b'~')) && value.trim_matches(' ').len() == value.len()
}

#[cfg(test)]
mod tests;
