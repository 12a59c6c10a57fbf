//! One gRPC call from the command line, its outcome as one line of JSON.
//!
//! ```text
//! call --to 127.0.0.1:10000 --id e-1 --header "authorization: Bearer $TOKEN" events.v1.EventService/GetEvent
//! ```
//!
//! The quickstart's tour uses it, because Python's standard library speaks no HTTP/2. With grpcurl
//! at hand the `.proto` files beside this one do the same. Exit code: 0 the call was answered with
//! any status, 2 it could not be made.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

mod messages;

use std::{error::Error, process::ExitCode};

use axum::http::uri::PathAndQuery;
use messages::{Ask, Reply};
use serde_json::{Value, json};
use tonic::{
    Request,
    client::Grpc,
    metadata::{AsciiMetadataKey, AsciiMetadataValue},
    transport::Endpoint,
};
use tonic_prost::ProstCodec;

#[tokio::main]
async fn main() -> ExitCode {
    match call().await {
        Ok(outcome) => {
            println!("{outcome}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("call: {error}");
            eprintln!(
                "usage: call [--to ADDRESS] [--id ID] [--name NAME] [--header 'NAME: VALUE'].. SERVICE/METHOD"
            );
            ExitCode::from(2)
        }
    }
}

async fn call() -> Result<Value, Box<dyn Error>> {
    let (mut to, mut method, mut request) =
        ("127.0.0.1:10000".to_owned(), None, Request::new(Ask::default()));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if !argument.starts_with("--") {
            method = Some(argument);
            continue;
        }
        let value = arguments.next().ok_or(format!("`{argument}` lacks its value"))?;
        match argument.as_str() {
            "--to" => to = value,
            "--id" => request.get_mut().id = value,
            "--name" => request.get_mut().name = value,
            "--header" => {
                let (name, value) = value.split_once(':').ok_or("a header is `NAME: VALUE`")?;
                let name: AsciiMetadataKey = name.trim().parse()?;
                request.metadata_mut().append(name, value.trim().parse::<AsciiMetadataValue>()?);
            }
            _ => return Err(format!("`{argument}` is not an option").into()),
        }
    }
    let path: PathAndQuery = format!("/{}", method.ok_or("which method?")?).parse()?;
    let mut client = Grpc::new(Endpoint::from_shared(format!("http://{to}"))?.connect().await?);
    client.ready().await?;
    Ok(match client.unary(request, path, ProstCodec::<Ask, Reply>::default()).await {
        Ok(reply) => shown(reply.into_inner()),
        Err(status) => json!({ "code": status.code() as i32, "message": status.message() }),
    })
}

fn shown(reply: Reply) -> Value {
    let Reply { service, method, id, name, headers, trailers } = reply;
    let pairs =
        |list: Vec<messages::Header>| list.into_iter().map(|h| json!([h.name, h.value])).collect::<Value>();
    json!({
        "code": 0, "service": service, "method": method, "id": id, "name": name,
        "headers": pairs(headers), "trailers": pairs(trailers),
    })
}
