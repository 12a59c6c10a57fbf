//! A service behind Envoy that shows what reached it.
//!
//! `upstream --service events --listen 127.0.0.1:18081` answers HTTP/1.1, HTTP/2 and gRPC on one
//! port. Every answer holds all headers and trailers that arrived, in order and with duplicates, so
//! that one sees what Doorward let through. Each request is also one line of JSON on standard output.
//! It trusts whoever can reach it: authorization is Envoy's and Doorward's work.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod messages;

use std::{future::Future, net::SocketAddr, pin::Pin, process::ExitCode};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, Request, Response, StatusCode},
    response::IntoResponse,
};
use http_body_util::BodyExt;
use messages::{Ask, Header, Reply};
use serde_json::json;
use tonic::{
    Status, Streaming,
    server::{ClientStreamingService, Grpc},
};
use tonic_prost::ProstCodec;

/// One of the two services.
struct Service {
    name: &'static str,
    grpc: &'static str,
    methods: &'static [&'static str],
}

static SERVICES: [Service; 2] = [
    Service {
        name: "events",
        grpc: "events.v1.EventService",
        methods: &["GetEvent", "ListEvents", "CreateEvent", "DeleteEvent"],
    },
    Service { name: "venues", grpc: "venues.v1.VenueService", methods: &["GetVenue", "UpdateVenue"] },
];

#[tokio::main]
async fn main() -> ExitCode {
    let Some((service, address)) = arguments() else {
        eprintln!("usage: upstream --service events|venues --listen 127.0.0.1:PORT");
        return ExitCode::from(2);
    };
    let served = async {
        let listener = tokio::net::TcpListener::bind(address).await?;
        eprintln!("{} listens on {}", service.name, listener.local_addr()?);
        axum::serve(listener, Router::new().fallback(answer).with_state(service)).await
    };
    match served.await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{} on {address}: {error}", service.name);
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Option<(&'static Service, SocketAddr)> {
    let mut arguments = std::env::args().skip(1);
    let (mut service, mut address) = (None, None);
    while let Some(argument) = arguments.next() {
        let value = arguments.next()?;
        match argument.as_str() {
            "--service" => service = SERVICES.iter().find(|service| service.name == value),
            "--listen" => address = value.parse().ok(),
            _ => return None,
        }
    }
    Some((service?, address?))
}

/// Every request comes here; its content type says whether it is gRPC.
async fn answer(State(service): State<&'static Service>, request: Request<Body>) -> Response<Body> {
    let is_grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"));
    if is_grpc { answer_grpc(service, request).await } else { answer_http(service, request).await }
}

async fn answer_http(service: &Service, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let trailers = body.trailers().map(list).unwrap_or_default();
    let seen = json!({
        "service": service.name,
        "method": head.method.as_str(),
        "path": head.uri.path_and_query().map_or("", |path| path.as_str()),
        "host": head.uri.authority().map(|authority| authority.as_str()),
        "headers": list(&head.headers),
        "trailers": trailers,
        "body_bytes": body.to_bytes().len(),
    });
    println!("{seen}");
    ([("content-type", "application/json")], seen.to_string()).into_response()
}

async fn answer_grpc(service: &Service, request: Request<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let method = path.strip_prefix('/').and_then(|path| path.strip_prefix(service.grpc)?.strip_prefix('/'));
    let Some(method) = method.and_then(|name| service.methods.iter().find(|known| **known == name)) else {
        println!("{}", json!({ "service": service.name, "path": path, "headers": list(request.headers()) }));
        return Status::unimplemented(format!("no such method: {path}")).into_http();
    };
    let show = Show { service: service.name, method, path, headers: request.headers().clone() };
    // Unary on the wire; read as a stream, because the unary reader mixes trailers into the headers.
    let answer = Grpc::new(ProstCodec::<Reply, Ask>::default()).client_streaming(show, request).await;
    answer.map(Body::new)
}

/// Answers one gRPC call with what arrived.
struct Show {
    service: &'static str,
    method: &'static str,
    path: String,
    headers: HeaderMap,
}

impl ClientStreamingService<Ask> for Show {
    type Response = Reply;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Reply>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Streaming<Ask>>) -> Self::Future {
        let (service, method, path) = (self.service, self.method, self.path.clone());
        let headers = list(&self.headers);
        Box::pin(async move {
            let mut stream = request.into_inner();
            let ask = stream.message().await?.unwrap_or_default();
            let trailers = stream.trailers().await?.map(|map| list(&map.into_headers())).unwrap_or_default();
            let seen = json!({ "service": service, "method": method, "path": path, "headers": headers, "trailers": trailers });
            println!("{seen}");
            let message = |(name, value)| Header { name, value };
            Ok(tonic::Response::new(Reply {
                service: service.to_owned(),
                method: method.to_owned(),
                id: ask.id,
                name: ask.name,
                headers: headers.into_iter().map(message).collect(),
                trailers: trailers.into_iter().map(message).collect(),
            }))
        })
    }
}

fn list(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}
