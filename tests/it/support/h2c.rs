//! HTTP/2 without TLS, with trailers where a test wants them, and gRPC on top.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use prost::Message;
use serde_json::Value;
use tokio::net::TcpStream;

use super::http1::tag;
use super::messages::{Ask, Reply};
use super::stack::{Side, Stack};

/// A request over HTTP/2.
pub(crate) struct Call<'s> {
    stack: &'s Stack,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    trailers: Vec<(String, String)>,
    body: Vec<u8>,
    authority: &'static str,
}

/// What came back, headers and trailers together, and what reached the services.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) json: Value,
    pub(crate) reached: Vec<Value>,
}

/// The outcome of a gRPC call.
#[derive(Debug)]
pub(crate) struct Grpc {
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) reached: Vec<Value>,
}

impl<'s> Call<'s> {
    pub(crate) fn new(stack: &'s Stack, method: &str, path: &str) -> Self {
        Self {
            stack,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            trailers: Vec::new(),
            body: Vec::new(),
            authority: "localhost",
        }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn roles(self, roles: &[&str]) -> Self {
        let token = self.stack.token(roles);
        self.header("authorization", &format!("Bearer {token}"))
    }

    #[must_use]
    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_owned();
        self
    }

    #[must_use]
    pub(crate) fn authority(mut self, authority: &'static str) -> Self {
        self.authority = authority;
        self
    }

    pub(crate) fn send(self) -> Got {
        let tag = tag();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (status, headers, body) = runtime.block_on(self.exchange(&tag)).unwrap_or_default();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Got { status, headers, body, json, reached: self.stack.reached(&tag) }
    }

    async fn exchange(&self, tag: &str) -> Result<(u16, HeaderMap, Vec<u8>), h2::Error> {
        let stream = TcpStream::connect(self.stack.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let uri = Uri::builder().scheme("http").authority(self.authority).path_and_query(self.path.as_str());
        let mut request = Request::new(());
        *request.method_mut() = Method::from_bytes(self.method.as_bytes()).unwrap();
        *request.uri_mut() = uri.build().unwrap();
        *request.headers_mut() = map(&self.headers);
        request.headers_mut().append("x-case", HeaderValue::from_str(tag).unwrap());
        let bare = self.body.is_empty() && self.trailers.is_empty();
        let (response, mut sender) = client.send_request(request, bare)?;
        if !bare {
            sender.send_data(Bytes::from(self.body.clone()), self.trailers.is_empty())?;
        }
        if !self.trailers.is_empty() {
            sender.send_trailers(map(&self.trailers))?;
        }
        let (head, mut stream) = response.await?.into_parts();
        let (mut headers, mut body) = (head.headers, Vec::new());
        while let Some(part) = stream.data().await {
            let part = part?;
            stream.flow_control().release_capacity(part.len())?;
            body.extend_from_slice(&part);
        }
        if let Some(trailers) = stream.trailers().await? {
            headers.extend(trailers);
        }
        connection.abort();
        Ok((head.status.as_u16(), headers, body))
    }
}

impl Got {
    /// It must have been refused with this status and reason, and nothing reached a service.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, reason: &str) {
        assert_eq!((self.status, self.json["reason"].as_str()), (status, Some(reason)), "{self:?}");
        assert!(self.reached.is_empty(), "{self:?}");
    }

    /// It must have been let through, once.
    #[track_caller]
    pub(crate) fn allowed(&self) -> Side {
        assert_eq!((self.status, self.reached.len()), (200, 1), "{self:?}");
        Side(self.reached[0].clone())
    }
}

/// A gRPC call with these headers and trailers.
pub(crate) fn grpc(stack: &Stack, method: &str, roles: Option<&[&str]>, headers: &[(&str, &str)]) -> Grpc {
    let call = Call::new(stack, "POST", &format!("/{method}"));
    let call = match roles {
        Some(roles) => call.roles(roles),
        None => call,
    };
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).grpc()
}

impl Call<'_> {
    /// Sends it as a unary gRPC call.
    pub(crate) fn grpc(self) -> Grpc {
        let message = Ask { id: "e-1".to_owned(), name: String::new() }.encode_to_vec();
        let mut frame = vec![0];
        frame.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(&message);
        let got =
            self.header("content-type", "application/grpc").header("te", "trailers").body(&frame).send();
        let header = |name: &str| {
            got.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        assert_eq!(got.status, 200, "{got:?}");
        let code =
            header("grpc-status").unwrap_or_else(|| panic!("no grpc-status: {got:?}")).parse().unwrap();
        if code == 0 {
            let reply = Reply::decode(got.body.get(5..).unwrap_or_default()).unwrap();
            assert_eq!(reply.id, "e-1", "{got:?}");
        }
        Grpc { code, message: header("grpc-message").unwrap_or_default(), reached: got.reached }
    }
}

impl Grpc {
    #[track_caller]
    pub(crate) fn refused(&self, code: i32, reason: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.message.starts_with(reason), "{self:?}");
        assert!(self.reached.is_empty(), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn allowed(&self) -> Side {
        assert_eq!((self.code, self.reached.len()), (0, 1), "{self:?}");
        Side(self.reached[0].clone())
    }
}

fn map(pairs: &[(String, String)]) -> HeaderMap {
    let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
    pairs.iter().map(|(n, value)| (name(n), HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect()
}
