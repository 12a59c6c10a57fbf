//! The yardstick: a server that decodes the whole check and says yes, on the stack that
//! Doorward stands on. What it costs is what the exchange costs.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::{env, io};

use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::{Authorization, AuthorizationServer};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse, OkHttpResponse};
use envoy_types::pb::google::rpc::Status as RpcStatus;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::support::process::Process;

/// The first argument of a process that is to be the yardstick.
pub(crate) const WORD: &str = "always-allow";

/// On how many threads it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// One, the thread of the process: no work is stolen, no thread woken.
    One,
    /// Two that steal work from each other.
    Two,
}

/// Starts it: this program again, with other arguments.
pub(crate) fn start(threads: Threads) -> (Process, String) {
    let word = if threads == Threads::One { "one" } else { "two" };
    let mut child = Command::new(env::current_exe().unwrap())
        .args([WORD, word])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    let mut output = io::BufReader::new(child.stdout.take().unwrap());
    io::BufRead::read_line(&mut output, &mut address).unwrap();
    (Process::new(child), address.trim().to_owned())
}

/// Is it, until it is killed.
pub(crate) fn run(word: &str) {
    let mut runtime = match word {
        "one" => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        // Doorward sets it on its connections, too.
        let connections = TcpListenerStream::new(listener);
        let connections = tokio_stream::StreamExt::map(connections, |stream| {
            stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream))
        });
        let service = AuthorizationServer::new(AlwaysAllow);
        Server::builder().add_service(service).serve_with_incoming(connections).await.unwrap();
    });
}

struct AlwaysAllow;

#[tonic::async_trait]
impl Authorization for AlwaysAllow {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let headers = vec![
            header("x-user-id", "00000001-6a0f-4c0e-9b1e-1f2a3b4c5d6e"),
            header("x-user-roles", "r3,r7"),
        ];
        let answer = OkHttpResponse { headers, ..OkHttpResponse::default() };
        Ok(Response::new(CheckResponse {
            status: Some(RpcStatus::default()),
            http_response: Some(HttpResponse::OkResponse(answer)),
            ..CheckResponse::default()
        }))
    }
}

fn header(key: &str, value: &str) -> HeaderValueOption {
    let header = HeaderValue { key: key.to_owned(), value: value.to_owned(), ..HeaderValue::default() };
    HeaderValueOption { header: Some(header), ..HeaderValueOption::default() }
}
