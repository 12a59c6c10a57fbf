//! What is read of a check, held against the generated types.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use envoy_types::pb::envoy::config::core::v3::address::Address;
use envoy_types::pb::envoy::config::core::v3::{
    Address as Wrapped, HeaderMap, HeaderValue, Pipe, SocketAddress,
};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use proptest::prelude::*;
use prost::Message;

use super::*;

/// The words of a check, from its bytes.
pub(in crate::envoy) fn words(check: &CheckRequest) -> Result<Words<'static>, Malformed> {
    read(check.encode_to_vec().leak())
}

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
    assert!(words(&full).is_ok());
    let without = |cut: fn(&mut CheckRequest)| {
        let mut check = full.clone();
        cut(&mut check);
        words(&check)
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
    assert_eq!(words(&both), Err(Malformed::TwoHeaderForms));
}

#[test]
fn both_forms_give_the_same_words() {
    let raw = words(&check("GET", "/a", &[("authorization", "Bearer a")])).unwrap();
    let map = words(&map(&[(":path", "/evil"), ("authorization", "Bearer a")])).unwrap();
    assert_eq!(raw, map);
    assert_eq!(raw.headers, [("authorization".into(), &b"Bearer a"[..])]);
}

#[test]
fn headers_keep_order_copies_and_bytes() {
    let mut sent = check("GET", "/a", &[("X-User-Id", "a"), ("x-user-id", "b")]);
    let headers = &mut http(&mut sent).header_map.as_mut().unwrap().headers;
    headers.push(HeaderValue { key: "x".into(), raw_value: vec![0xff, 0], ..HeaderValue::default() });
    headers.push(HeaderValue { key: "y".into(), value: "text".into(), ..HeaderValue::default() });
    let words = words(&sent).unwrap();
    let pairs = words.pairs();
    let expected: [(&str, &[u8]); 4] =
        [("x-user-id", b"a"), ("x-user-id", b"b"), ("x", &[0xff, 0]), ("y", b"text")];
    assert_eq!(pairs, expected);
    assert_eq!(words.input(&pairs, 0).headers.all("x-user-id").count(), 2);
}

#[test]
fn a_header_without_a_name_or_with_two_values_is_refused() {
    assert_eq!(words(&check("GET", "/a", &[("", "x")])), Err(Malformed::BadHeader));
    assert_eq!(words(&map(&[("", "x")])), Err(Malformed::BadHeader));
    let mut two = check("GET", "/a", &[("authorization", "Bearer a")]);
    for header in &mut http(&mut two).header_map.as_mut().unwrap().headers {
        header.value = "Bearer b".to_owned();
    }
    assert_eq!(words(&two), Err(Malformed::BadHeader));
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
    assert_eq!(words(&loaded), words(&plain));
}

#[test]
fn the_source_is_one_address_or_none() {
    let from = |address| {
        let mut check = check("GET", "/a", &[]);
        check.attributes.as_mut().unwrap().source =
            Some(Peer { address: Some(Wrapped { address }), ..Peer::default() });
        words(&check).unwrap().source
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
        words(&check).unwrap().body
    };
    assert_eq!(body(&["false"], b"{}"), Some(&b"{}"[..]));
    for told in [&["true"][..], &[], &["false", "false"], &["False"], &["false "], &[""]] {
        assert_eq!(body(told, b"{}"), None, "{told:?}");
    }
    assert_eq!(body(&["false"], b""), Some(&b""[..]), "text that Envoy may have altered is not read");
}

#[test]
fn the_peer_is_who_envoy_verified() {
    let peer = |principal: &str| {
        let mut check = check("GET", "/a", &[]);
        let source = Peer { principal: principal.to_owned(), ..Peer::default() };
        check.attributes.as_mut().unwrap().source = Some(source);
        words(&check).unwrap().peer
    };
    assert_eq!(peer("spiffe://cluster/ns/a/sa/b"), Some("spiffe://cluster/ns/a/sa/b"));
    assert_eq!(peer(""), None);
}

#[test]
fn host_3_the_service_is_the_one_envoy_names() {
    let mut named = check("GET", "/a", &[("service", "evil")]);
    assert_eq!(words(&named).unwrap().service, None);
    named.attributes.as_mut().unwrap().context_extensions.insert("service".to_owned(), "events".to_owned());
    assert_eq!(words(&named).unwrap().service, Some("events"));
}

#[test]
fn a_grpc_caller_is_who_envoy_takes_for_one() {
    let wants = |types: &[&str]| {
        let headers: Vec<_> = types.iter().map(|t| ("content-type", *t)).collect();
        words(&check("POST", "/a", &headers)).unwrap().wants_grpc()
    };
    assert!(wants(&["application/grpc"]));
    assert!(wants(&["application/grpc+proto"]));
    for http in ["application/grpc-web", "application/grpc;x=y", "Application/grpc", "application/json"] {
        assert!(!wants(&[http]), "{http}");
    }
    assert!(!wants(&[]));
    assert!(!wants(&["application/grpc", "application/grpc"]));
}

/// The words of a check as the generated types have it.
fn plain(check: CheckRequest) -> Result<Words<'static>, Malformed> {
    let attributes = check.attributes.ok_or(Malformed::NoAttributes)?;
    let AttributeContext { source, request, mut context_extensions, .. } = attributes;
    let http = request.and_then(|r| r.http).ok_or(Malformed::NoAttributes)?;
    let HttpRequest { method, headers, header_map, path, host, scheme, raw_body, .. } = http;
    let pairs: Vec<(String, Vec<u8>)> = match (header_map, headers.is_empty()) {
        (Some(_), false) => return Err(Malformed::TwoHeaderForms),
        (Some(map), true) if map.headers.is_empty() => return Err(Malformed::NoHeaders),
        (None, true) => return Err(Malformed::NoHeaders),
        (Some(map), true) => {
            if map.headers.iter().any(|h| !h.value.is_empty() && !h.raw_value.is_empty()) {
                return Err(Malformed::BadHeader);
            }
            let value =
                |h: HeaderValue| if h.raw_value.is_empty() { h.value.into_bytes() } else { h.raw_value };
            map.headers.into_iter().map(|h| (h.key.clone(), value(h))).collect()
        }
        (None, false) => headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect(),
    };
    if pairs.iter().any(|(name, _)| name.is_empty()) {
        return Err(Malformed::BadHeader);
    }
    let headers: Vec<(Cow<'static, str>, &[u8])> = pairs
        .into_iter()
        .filter(|(name, _)| !name.starts_with(':'))
        .map(|(name, value)| (name.to_ascii_lowercase().into(), &*value.leak()))
        .collect();
    let address = source.as_ref().and_then(|peer| peer.address.as_ref()?.address.as_ref());
    let source_ip = match address {
        Some(Address::SocketAddress(socket)) => socket.address.parse().ok(),
        _ => None,
    };
    let told: Vec<_> = headers.iter().filter(|(name, _)| name == PARTIAL_BODY).collect();
    let is_whole = told.len() == 1 && told.iter().all(|(_, value)| *value == b"false");
    Ok(Words {
        method: method.leak(),
        host: host.leak(),
        path: path.leak(),
        service: context_extensions.remove(SERVICE).map(|name| &*name.leak()),
        source: source_ip.map(|ip: IpAddr| ip.to_canonical()),
        peer: source.map(|peer| &*peer.principal.leak()).filter(|uri| !uri.is_empty()),
        body: is_whole.then_some(&*raw_body.leak()),
        headers,
        scheme: scheme.leak(),
    })
}

/// The same words, whatever the order of a map.
fn sorted(words: Result<Words<'static>, Malformed>) -> Result<Words<'static>, Malformed> {
    words.map(|mut words| {
        words.headers.sort();
        words
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-zA-Z/:._-]{0,12}", 1 => Just(String::new()), 1 => any::<String>()]
}

fn header_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z-]{1,12}",
        1 => "[A-Za-z-]{1,12}",
        1 => Just(":path".to_owned()),
        1 => Just(PARTIAL_BODY.to_owned()),
        1 => Just(String::new()),
    ]
}

prop_compose! {
    fn http_request()(
        texts in prop::collection::vec(text(), 9),
        map in prop::option::weighted(0.7, prop::collection::vec(
            (header_name(), text(), prop::collection::vec(any::<u8>(), 0..8), 0..4_u8), 0..6)),
        plain in prop::collection::hash_map(header_name(), prop_oneof![text(), Just("false".to_owned())], 0..5),
        both in prop::bool::weighted(0.1),
        size in any::<i64>(),
        raw_body in prop::collection::vec(any::<u8>(), 0..20),
    ) -> HttpRequest {
        let [id, method, path, host, scheme, query, fragment, protocol, body] = texts.try_into().unwrap();
        let header_map = map.map(|headers| HeaderMap {
            headers: headers.into_iter().map(|(key, value, raw_value, kind)| match kind {
                0 => HeaderValue { key, value, raw_value: Vec::new() },
                1 => HeaderValue { key, value, raw_value },
                2 => HeaderValue { key, value: String::new(), raw_value: b"false".to_vec() },
                _ => HeaderValue { key, value: String::new(), raw_value },
            }).collect(),
        });
        let headers = if header_map.is_none() || both { plain } else { [].into() };
        HttpRequest {
            id, method, headers, path, host, scheme, query, fragment, size, protocol, body, raw_body, header_map,
        }
    }
}

prop_compose! {
    fn any_check()(
        http in prop::option::weighted(0.95, http_request()),
        has_request in prop::bool::weighted(0.97),
        has_attributes in prop::bool::weighted(0.97),
        extensions in prop::collection::hash_map(
            prop_oneof![Just(SERVICE.to_owned()), text()], text(), 0..3),
        peer in prop::option::of((0..4_u8, prop_oneof![
            Just("192.0.2.1".to_owned()), Just("::ffff:192.0.2.1".to_owned()), text()], text(), text(), text())),
    ) -> CheckRequest {
        let request = has_request.then(|| Request { http, ..Request::default() });
        let source = peer.map(|(kind, address, principal, service, certificate)| Peer {
            address: match kind {
                0 => None,
                1 => Some(Wrapped { address: Some(Address::Pipe(Pipe { path: address, mode: 7 })) }),
                _ => Some(Wrapped { address: Some(Address::SocketAddress(SocketAddress {
                    address, resolver_name: service.clone(), ipv4_compat: true, ..SocketAddress::default()
                })) }),
            },
            principal, service, certificate,
            labels: [("k".to_owned(), "v".to_owned())].into(),
        });
        let attributes = AttributeContext {
            source: source.clone(),
            destination: source,
            request,
            context_extensions: extensions,
            ..AttributeContext::default()
        };
        CheckRequest { attributes: has_attributes.then_some(attributes) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(
            proptest::test_runner::FileFailurePersistence::WithSource("regressions"),
        )),
        ..ProptestConfig::default()
    })]

    /// Reading in place gives the words that the generated types give.
    #[test]
    fn what_lies_in_the_message_is_what_is_copied_out_of_it(check in any_check()) {
        let read = words(&check);
        prop_assert_eq!(sorted(read), sorted(plain(check)));
    }

    /// Nor does it give others where the message is bent: a byte changed, something
    /// cut out or doubled. It may read what the generated types do not, as it does
    /// not look at everything; it may refuse what they read only where a header of
    /// the map stands twice, or where there are groups.
    #[test]
    fn bent_messages_are_read_alike(
        check in any_check(),
        at in any::<prop::sample::Index>(),
        length in 0..40_usize,
        bend in 0..3_u8,
        byte in any::<u8>(),
    ) {
        let mut bytes = check.encode_to_vec();
        if bytes.is_empty() {
            return Ok(());
        }
        let from = at.index(bytes.len());
        let to = (from + length).min(bytes.len());
        match bend {
            0 => bytes[from] = byte,
            1 => drop(bytes.drain(from..to)),
            _ => {
                let piece = bytes[from..to].to_vec();
                bytes.splice(from..from, piece);
            }
        }
        let Ok(check) = CheckRequest::decode(bytes.as_slice()) else { return Ok(()) };
        let copied = sorted(plain(check));
        match sorted(read(bytes.leak())) {
            Err(Malformed::Unreadable) => {}
            // Both values of a name that stands twice, where the map keeps the last.
            Ok(words) if copied.as_ref().is_ok_and(|copied| words.headers.len() > copied.headers.len()) => {}
            read => prop_assert_eq!(read, copied),
        }
    }

    /// Two messages on end are, to protobuf, one.
    #[test]
    fn messages_on_end_are_merged(first in any_check(), second in any_check()) {
        let bytes = [first.encode_to_vec(), second.encode_to_vec()].concat();
        let copied = sorted(plain(CheckRequest::decode(bytes.as_slice()).unwrap()));
        match sorted(read(bytes.leak())) {
            Ok(words) if copied.as_ref().is_ok_and(|copied| words.headers.len() > copied.headers.len()) => {}
            read => prop_assert_eq!(read, copied),
        }
    }

    /// Whatever the bytes are, they are read without harm.
    #[test]
    fn bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(bytes.leak());
    }
}
