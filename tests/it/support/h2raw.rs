//! HTTP/2 frames by hand, for requests that no HTTP library would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::http1::tag;
use super::stack::Stack;

/// One request of arbitrary header fields, pseudo headers included.
pub(crate) struct Frames<'s> {
    stack: &'s Stack,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// How it ended, and what reached the services.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `None` when the stream or the connection was closed without an answer.
    pub(crate) status: Option<u16>,
    pub(crate) reached: Vec<Value>,
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;

impl<'s> Frames<'s> {
    pub(crate) fn new(stack: &'s Stack) -> Self {
        Self { stack, fields: Vec::new() }
    }

    /// The four pseudo headers of an ordinary request.
    pub(crate) fn request(stack: &'s Stack, method: &[u8], path: &[u8]) -> Self {
        Self::new(stack)
            .field(b":method", method)
            .field(b":scheme", b"http")
            .field(b":authority", b"localhost")
            .field(b":path", path)
    }

    #[must_use]
    pub(crate) fn field(mut self, name: &[u8], value: &[u8]) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn roles(self, roles: &[&str]) -> Self {
        let token = self.stack.token(roles);
        self.field(b"authorization", format!("Bearer {token}").as_bytes())
    }

    pub(crate) fn send(self) -> Outcome {
        let tag = tag();
        let mut block = Vec::new();
        for (name, value) in self.fields.iter().chain([&(b"x-case".to_vec(), tag.clone().into_bytes())]) {
            // A literal field that is not indexed, its name and value as they are (RFC 7541, 6.2.2).
            block.push(0);
            literal(&mut block, name);
            literal(&mut block, value);
        }
        let mut stream = TcpStream::connect(self.stack.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut bytes, 4, 0, 0, &[]); // SETTINGS
        frame(&mut bytes, HEADERS, 0x5, 1, &block); // END_STREAM and END_HEADERS
        let _ = stream.write_all(&bytes);
        let status = answer(&mut stream);
        Outcome { status, reached: self.stack.reached(&tag) }
    }
}

impl Outcome {
    /// It was refused, in whichever way, and nothing reached a service.
    #[track_caller]
    pub(crate) fn never_arrived(&self) {
        assert!(self.status.is_none_or(|status| status >= 300), "{self:?}");
        assert!(self.reached.is_empty(), "{self:?}");
    }
}

fn literal(block: &mut Vec<u8>, text: &[u8]) {
    // An integer with a 7-bit prefix (RFC 7541, 5.1), no Huffman coding.
    if text.len() < 127 {
        block.push(u8::try_from(text.len()).unwrap());
    } else {
        block.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            block.push(u8::try_from(rest % 128).unwrap() | 0x80);
            rest /= 128;
        }
        block.push(u8::try_from(rest).unwrap());
    }
    block.extend_from_slice(text);
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// Reads frames until the request is answered or refused.
fn answer(stream: &mut TcpStream) -> Option<u16> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).ok()?;
        match head[3] {
            HEADERS => return Some(status(&payload)),
            RST_STREAM | GOAWAY => return None,
            _ => {}
        }
    }
}

/// The first field of an answer: `:status`, whose usual values have numbers of their own.
fn status(block: &[u8]) -> u16 {
    // A change of the table size may come first.
    let block = if block[0] & 0xe0 == 0x20 { &block[1..] } else { block };
    match block[0] {
        0x88 => 200,
        0x89 => 204,
        0x8a => 206,
        0x8b => 304,
        0x8c => 400,
        0x8d => 404,
        0x8e => 500,
        // Written out: three digits, perhaps in Huffman code. Which ones, no test asks.
        0x08 | 0x18 | 0x48 => 599,
        other => panic!("no status first: {other:#x}"),
    }
}
