//! What is answered on the admin port, in one shape.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use crate::words::redact;

/// The body of an answer.
pub(in crate::server) type Answer = Full<Bytes>;

/// An answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    content_type: &'static str,
    body: String,
    allow: Option<&'static str>,
}

impl Reply {
    /// Of this media type.
    pub(super) fn typed(status: u16, content_type: &'static str, body: String) -> Self {
        Self { status, content_type, body, allow: None }
    }

    /// Plain words.
    pub(super) fn text(words: &str) -> Self {
        Self::typed(200, "text/plain; charset=utf-8", words.to_owned())
    }

    /// A value in JSON.
    pub(super) fn json(status: u16, value: &impl Serialize) -> Self {
        // Texts, numbers and lists always serialise.
        let mut body = serde_json::to_string_pretty(value).unwrap_or_default();
        body.push('\n');
        Self::typed(status, "application/json", body)
    }

    /// Why there is no other answer.
    pub(super) fn error(status: u16, why: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": why }))
    }

    /// Without anything that looks like a token, wherever it came from.
    pub(super) fn redacted(self) -> Self {
        Self { body: redact::tokens(&self.body), ..self }
    }

    /// With the methods that the path takes.
    pub(super) fn allowing(self, methods: &'static str) -> Self {
        Self { allow: Some(methods), ..self }
    }
}

impl From<Reply> for Response<Answer> {
    fn from(Reply { status, content_type, body, allow }: Reply) -> Self {
        let mut response = Self::new(Full::new(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        let fixed = HeaderValue::from_static;
        headers.insert(CONTENT_TYPE, fixed(content_type));
        headers.insert(CACHE_CONTROL, fixed("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
        if let Some(methods) = allow {
            headers.insert(ALLOW, fixed(methods));
        }
        if status == 401 {
            headers.insert(WWW_AUTHENTICATE, fixed("Bearer realm=\"doorward admin\""));
        }
        response
    }
}
