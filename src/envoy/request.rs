//! CheckRequest to the words of a request.
//!
//! Only what design calls the inputs of a decision is taken: method, host,
//! path, headers, the service that Envoy's own configuration names, the
//! client's address and certificate, and, for conditions that ask for them,
//! the scheme and a whole body. Everything else in the message (`size`, `id`,
//! `query`, `fragment`, `source.service`, metadata) is either the client's to
//! choose or not needed, and is not even looked at.

use std::net::IpAddr;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue, address::Address};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};

use crate::gate::Words;

/// The key of `context_extensions` that names the service.
const SERVICE: &str = "service";

/// The header by which Envoy tells whether it sends a part of the body only.
const PARTIAL_BODY: &str = "x-envoy-auth-partial-body";

/// Why a CheckRequest is no request at all. Goes to the log, never to the
/// caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// `attributes`, `attributes.request` or `attributes.request.http` is not
    /// there.
    NoAttributes,
    /// Both `headers` and `header_map` are there: which one would count?
    TwoHeaderForms,
    /// Neither is there. Envoy always sends some, pseudo headers at the least:
    /// its configuration hides them (`allowed_headers`), and with them the
    /// copies of identity headers that are to be removed.
    NoHeaders,
    /// A header without a name, or with two values in one entry.
    BadHeader,
}

impl Malformed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoAttributes => "the check has no attributes.request.http",
            Self::TwoHeaderForms => "the check has both headers and header_map",
            Self::NoHeaders => "the check has no headers at all; is allowed_headers set in envoy?",
            Self::BadHeader => "the check has a header without a name or with two values",
        }
    }
}

/// Takes the words out of a check.
impl TryFrom<CheckRequest> for Words {
    type Error = Malformed;

    fn try_from(check: CheckRequest) -> Result<Self, Malformed> {
        let attributes = check.attributes.ok_or(Malformed::NoAttributes)?;
        let AttributeContext { source, request, mut context_extensions, .. } = attributes;
        let http = request.and_then(|r| r.http).ok_or(Malformed::NoAttributes)?;
        let HttpRequest { method, headers, header_map, path, host, scheme, raw_body, .. } = http;
        let headers = match (header_map, headers.is_empty()) {
            (Some(_), false) => return Err(Malformed::TwoHeaderForms),
            (Some(map), true) => raw(map)?,
            (None, false) => named(headers.into_iter().map(|(key, value)| (key, value.into_bytes())))?,
            (None, true) => return Err(Malformed::NoHeaders),
        };
        let peer = source.as_ref().map(|peer| peer.principal.clone()).filter(|uri| !uri.is_empty());
        Ok(Self {
            method,
            host,
            path,
            service: context_extensions.remove(SERVICE),
            source: source.and_then(address),
            peer,
            body: is_whole(&headers).then_some(raw_body),
            headers,
            scheme,
        })
    }
}

/// Whether Envoy sends the body, and all of it. Where it buffers bodies it says
/// so in a header of its own, and hides what the client sent by that name.
fn is_whole(headers: &[(String, Vec<u8>)]) -> bool {
    let mut told = headers.iter().filter(|(name, _)| name == PARTIAL_BODY);
    matches!((told.next(), told.next()), (Some((_, value)), None) if value == b"false")
}

/// Envoy with `encode_raw_headers`: the bytes of the wire, in their order.
fn raw(map: HeaderMap) -> Result<Vec<(String, Vec<u8>)>, Malformed> {
    if map.headers.is_empty() {
        return Err(Malformed::NoHeaders);
    }
    let two_values = |h: &HeaderValue| !h.value.is_empty() && !h.raw_value.is_empty();
    if map.headers.iter().any(two_values) {
        return Err(Malformed::BadHeader);
    }
    named(map.headers.into_iter().map(|HeaderValue { key, value, raw_value }| {
        (key, if raw_value.is_empty() { value.into_bytes() } else { raw_value })
    }))
}

fn named(headers: impl Iterator<Item = (String, Vec<u8>)>) -> Result<Vec<(String, Vec<u8>)>, Malformed> {
    let mut out = Vec::with_capacity(headers.size_hint().0);
    for (mut name, value) in headers {
        // Envoy sends lower case; another caller might not, and a look-up
        // that misses `Authorization` is not one to rely on.
        name.make_ascii_lowercase();
        if name.is_empty() {
            return Err(Malformed::BadHeader);
        }
        if !name.starts_with(':') {
            out.push((name, value));
        }
    }
    Ok(out)
}

/// The client's address; none for a pipe or a name.
fn address(peer: Peer) -> Option<IpAddr> {
    match peer.address?.address? {
        Address::SocketAddress(socket) => {
            // One client has one address: `::ffff:192.0.2.1` is `192.0.2.1`.
            socket.address.parse().ok().map(|ip: IpAddr| ip.to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
pub(super) mod tests {
    use super::*;
    use envoy_types::pb::envoy::config::core::v3::{Address as Wrapped, Pipe, SocketAddress};
    use envoy_types::pb::envoy::service::auth::v3::attribute_context::Request;

    /// A check as Envoy sends it with `encode_raw_headers`.
    pub(in crate::envoy) fn check(method: &str, path: &str, headers: &[(&str, &str)]) -> CheckRequest {
        let pseudo = [(":method", method), (":path", path), (":authority", "api.test")];
        let headers = pseudo.iter().chain(headers).map(|(key, value)| HeaderValue {
            key: (*key).to_owned(),
            raw_value: value.as_bytes().to_vec(),
            ..HeaderValue::default()
        });
        with_http(HttpRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            host: "api.test".to_owned(),
            header_map: Some(HeaderMap { headers: headers.collect() }),
            ..HttpRequest::default()
        })
    }

    pub(in crate::envoy) fn with_http(http: HttpRequest) -> CheckRequest {
        CheckRequest {
            attributes: Some(AttributeContext {
                request: Some(Request { http: Some(http), ..Request::default() }),
                ..AttributeContext::default()
            }),
        }
    }

    fn http(check: &mut CheckRequest) -> &mut HttpRequest {
        check.attributes.as_mut().unwrap().request.as_mut().unwrap().http.as_mut().unwrap()
    }

    fn map(headers: &[(&str, &str)]) -> CheckRequest {
        let mut check = check("GET", "/a", &[]);
        http(&mut check).header_map = None;
        http(&mut check).headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        check
    }

    #[test]
    fn attr_1_a_check_that_lacks_a_part_is_no_request() {
        let full = check("GET", "/a", &[]);
        assert!(Words::try_from(full.clone()).is_ok());
        let without = |cut: fn(&mut CheckRequest)| {
            let mut check = full.clone();
            cut(&mut check);
            Words::try_from(check)
        };
        assert_eq!(without(|c| c.attributes = None), Err(Malformed::NoAttributes));
        assert_eq!(without(|c| c.attributes.as_mut().unwrap().request = None), Err(Malformed::NoAttributes));
        assert_eq!(
            without(|c| c.attributes.as_mut().unwrap().request.as_mut().unwrap().http = None),
            Err(Malformed::NoAttributes)
        );
        assert_eq!(without(|c| http(c).header_map = None), Err(Malformed::NoHeaders));
        assert_eq!(without(|c| http(c).header_map = Some(HeaderMap::default())), Err(Malformed::NoHeaders));
    }

    #[test]
    fn attr_2_two_forms_of_headers_are_never_merged() {
        let mut both = check("GET", "/a", &[("authorization", "Bearer a")]);
        http(&mut both).headers.insert("authorization".to_owned(), "Bearer b".to_owned());
        assert_eq!(Words::try_from(both), Err(Malformed::TwoHeaderForms));
    }

    #[test]
    fn both_forms_give_the_same_words() {
        let raw = Words::try_from(check("GET", "/a", &[("authorization", "Bearer a")])).unwrap();
        let map = Words::try_from(map(&[(":path", "/evil"), ("authorization", "Bearer a")])).unwrap();
        assert_eq!(raw, map);
        assert_eq!(raw.headers, [("authorization".to_owned(), b"Bearer a".to_vec())]);
    }

    #[test]
    fn headers_keep_order_copies_and_bytes() {
        let mut sent = check("GET", "/a", &[("X-User-Id", "a"), ("x-user-id", "b")]);
        let headers = &mut http(&mut sent).header_map.as_mut().unwrap().headers;
        headers.push(HeaderValue { key: "x".into(), raw_value: vec![0xff, 0], ..HeaderValue::default() });
        headers.push(HeaderValue { key: "y".into(), value: "text".into(), ..HeaderValue::default() });
        let words = Words::try_from(sent).unwrap();
        let pairs = words.pairs();
        let expected: [(&str, &[u8]); 4] =
            [("x-user-id", b"a"), ("x-user-id", b"b"), ("x", &[0xff, 0]), ("y", b"text")];
        assert_eq!(pairs, expected);
        assert_eq!(words.input(&pairs, 0).headers.all("x-user-id").count(), 2);
    }

    #[test]
    fn a_header_without_a_name_or_with_two_values_is_refused() {
        assert_eq!(Words::try_from(check("GET", "/a", &[("", "x")])), Err(Malformed::BadHeader));
        assert_eq!(Words::try_from(map(&[("", "x")])), Err(Malformed::BadHeader));
        let mut two = check("GET", "/a", &[("authorization", "Bearer a")]);
        for header in &mut http(&mut two).header_map.as_mut().unwrap().headers {
            header.value = "Bearer b".to_owned();
        }
        assert_eq!(Words::try_from(two), Err(Malformed::BadHeader));
    }

    #[test]
    fn attr_6_to_9_and_11_what_the_client_may_choose_is_not_read() {
        let plain = check("GET", "/a?x", &[]);
        let mut loaded = plain.clone();
        let http = http(&mut loaded);
        http.query = "role=admin".to_owned();
        http.fragment = "f".to_owned();
        http.size = 7;
        http.id = "attacker\"}\n".to_owned();
        http.protocol = "HTTP/9".to_owned();
        http.body = "body".to_owned();
        http.raw_body = b"body".to_vec();
        let attributes = loaded.attributes.as_mut().unwrap();
        attributes.source =
            Some(Peer { service: "evil".to_owned(), certificate: "evil".to_owned(), ..Peer::default() });
        assert_eq!(Words::try_from(loaded), Words::try_from(plain));
    }

    #[test]
    fn the_source_is_one_address_or_none() {
        let from = |address| {
            let mut check = check("GET", "/a", &[]);
            check.attributes.as_mut().unwrap().source =
                Some(Peer { address: Some(Wrapped { address }), ..Peer::default() });
            Words::try_from(check).unwrap().source
        };
        let socket = |text: &str| {
            from(Some(Address::SocketAddress(SocketAddress {
                address: text.to_owned(),
                ..SocketAddress::default()
            })))
        };
        assert_eq!(socket("192.0.2.1"), Some([192, 0, 2, 1].into()));
        assert_eq!(socket("::ffff:192.0.2.1"), Some([192, 0, 2, 1].into()));
        assert_eq!(socket("2001:db8::1"), "2001:db8::1".parse().ok());
        for odd in ["", "localhost", "192.0.2.1:80", "192.0.2", "0300.0.2.1"] {
            assert_eq!(socket(odd), None, "{odd}");
        }
        assert_eq!(from(None), None);
        assert_eq!(from(Some(Address::Pipe(Pipe::default()))), None);
    }

    #[test]
    fn a_body_is_there_only_when_envoy_sends_all_of_it() {
        let body = |told: &[&str], bytes: &[u8]| {
            let headers: Vec<_> = told.iter().map(|value| (PARTIAL_BODY, *value)).collect();
            let mut check = check("POST", "/a", &headers);
            http(&mut check).raw_body = bytes.to_vec();
            http(&mut check).body = "{}".to_owned();
            Words::try_from(check).unwrap().body
        };
        assert_eq!(body(&["false"], b"{}"), Some(b"{}".to_vec()));
        for told in [&["true"][..], &[], &["false", "false"], &["False"], &["false "], &[""]] {
            assert_eq!(body(told, b"{}"), None, "{told:?}");
        }
        assert_eq!(body(&["false"], b""), Some(Vec::new()), "text that Envoy may have altered is not read");
    }

    #[test]
    fn the_peer_is_who_envoy_verified() {
        let peer = |principal: &str| {
            let mut check = check("GET", "/a", &[]);
            let source = Peer { principal: principal.to_owned(), ..Peer::default() };
            check.attributes.as_mut().unwrap().source = Some(source);
            Words::try_from(check).unwrap().peer
        };
        assert_eq!(peer("spiffe://cluster/ns/a/sa/b").as_deref(), Some("spiffe://cluster/ns/a/sa/b"));
        assert_eq!(peer(""), None);
    }

    #[test]
    fn host_3_the_service_is_the_one_envoy_names() {
        let mut named = check("GET", "/a", &[("service", "evil")]);
        assert_eq!(Words::try_from(named.clone()).unwrap().service, None);
        named
            .attributes
            .as_mut()
            .unwrap()
            .context_extensions
            .insert("service".to_owned(), "events".to_owned());
        assert_eq!(Words::try_from(named).unwrap().service.as_deref(), Some("events"));
    }

    #[test]
    fn a_grpc_caller_is_who_envoy_takes_for_one() {
        let wants = |types: &[&str]| {
            let headers: Vec<_> = types.iter().map(|t| ("content-type", *t)).collect();
            Words::try_from(check("POST", "/a", &headers)).unwrap().wants_grpc()
        };
        assert!(wants(&["application/grpc"]));
        assert!(wants(&["application/grpc+proto"]));
        for http in ["application/grpc-web", "application/grpc;x=y", "Application/grpc", "application/json"] {
            assert!(!wants(&[http]), "{http}");
        }
        assert!(!wants(&[]));
        assert!(!wants(&["application/grpc", "application/grpc"]));
    }
}
