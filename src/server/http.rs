//! What is answered on the port for proxies that ask over HTTP.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};

use crate::forward::{Body, Forward};

/// The service.
pub(super) fn service(
    forward: Forward,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future = Ready<Result<Response<Body>, Infallible>>,
> + Clone
+ Send
+ 'static {
    let forward = Arc::new(forward);
    service_fn(move |request: Request<Incoming>| {
        let mut answer = forward.answer(&request);
        if !request.body().is_end_stream() {
            // Nobody waits for the rest of it.
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        ready(Ok(answer))
    })
}
