//! Checks as Envoy sends them: a browser's or a service's headers, and a real token.

use std::time::{SystemTime, UNIX_EPOCH};

use doorward::config::Algorithm;
use doorward::identity::devkey::DevKey;
use doorward::identity::mint::{Claims, Signer};
use envoy_types::pb::envoy::config::core::v3::{Address, SocketAddress, address, socket_address};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use envoy_types::pb::google::protobuf::Timestamp;

use super::policy::Met;

pub(crate) const ISSUER: &str = "https://id.example.com";

/// Signs real tokens.
pub(crate) struct Issuer {
    signer: Signer,
    jwks: String,
}

impl Issuer {
    /// With a new RSA key.
    pub(crate) fn new() -> Self {
        let key = DevKey::generate(Algorithm::RS256).unwrap();
        let signer = Signer::from_pem(key.private_pem(), Some(Algorithm::RS256)).unwrap();
        Self { signer, jwks: key.jwks().to_owned() }
    }

    /// Its public key.
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// The token of the user of this number: some 700 bytes, and a claim of so many `more`.
    pub(crate) fn token(&self, user: usize, roles: &[&str], more: usize) -> String {
        let extra = (more > 0).then(|| ("more".to_owned(), "x".repeat(more).into()));
        let claims = Claims {
            issuer: ISSUER.to_owned(),
            audiences: vec!["shop".to_owned()],
            user: format!("{user:08x}-6a0f-4c0e-9b1e-1f2a3b4c5d6e"),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            expires_in: 3600,
            extra: extra.into_iter().collect(),
            ..Claims::default()
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        self.signer.sign(&claims.at(now)).unwrap()
    }
}

/// Headers of requests (`{}` is a session), the usual ones first: with 12 of them and a token a check has 1.2 KB,
/// with all of them 4.
pub(crate) const HEADERS: [(&str, &str); 39] = [
    (":authority", "api.example.com"),
    (":method", "GET"),
    (":scheme", "https"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("x-request-id", "2b1f9f6c-0d1c-4a63-9a63-1f6c2b1f9f6c"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-for", "192.0.2.7"),
    ("x-envoy-internal", "true"),
    ("content-type", "application/json"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("origin", "https://app.example.com"),
    ("referer", "https://app.example.com/events/2026/spring?view=calendar&page=2"),
    ("sec-fetch-dest", "empty"),
    ("sec-fetch-mode", "cors"),
    ("sec-fetch-site", "same-site"),
    ("cache-control", "no-cache"),
    ("pragma", "no-cache"),
    ("priority", "u=4"),
    ("te", "trailers"),
    ("cookie", "theme=dark; session={}; consent=all; locale=en-GB"),
    ("sec-ch-ua", "\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\", \"Google Chrome\";v=\"140\""),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""),
    ("if-none-match", "W/\"5d8c72a5edda8d6a:3239\""),
    ("x-client-version", "web-4.18.2+build.20260331.1"),
    ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
    ("x-b3-spanid", "00f067aa0ba902b7"),
    ("x-b3-sampled", "1"),
    ("tracestate", "vendor=t61rcWkgMzE,other=00f067aa0ba902b7"),
    ("baggage", "tenant=acme,region=eu-central-1,experiment=checkout-redesign-b,session=7f3a2c1e9b804d5c"),
    ("x-envoy-expected-rq-timeout-ms", "15000"),
    ("x-envoy-attempt-count", "1"),
    (
        "x-forwarded-client-cert",
        "By=spiffe://example.org/edge;Hash=468ed33be74eee6556d90c0149c1309e;URI=spiffe://example.org/web",
    ),
    ("x-amzn-trace-id", "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"),
    ("dpop-nonce", "eyJ7S_zG.eyJH0-Z.HX4w-7v-eyJ7S_zG.eyJH0-Z.HX4w-7v-eyJ7S_zG.eyJH0-Z.HX4w-7v"),
    (
        "x-experiments",
        "checkout-redesign:b, search-ranking:control, seat-map:v3, price-display:gross, onboarding:short, reminders:weekly, wallet:off, calendar:new, help-centre:chat",
    ),
];

/// A request as Envoy asks about it, with so many headers: 12 to 40 are usual.
pub(crate) fn check(met: &Met, headers: usize, token: Option<&str>) -> CheckRequest {
    let token = token.map(|token| ("authorization".to_owned(), format!("Bearer {token}")));
    let path = format!("{}?page=2&sort=name", met.path);
    let own = [(":path".to_owned(), path.clone())].into_iter().chain(token);
    let usual = HEADERS.iter().map(|(name, value)| {
        // A session that is kept in its cookie.
        let value = if *name == "cookie" {
            value.replace("{}", &"7f3a2c1e".repeat(160))
        } else {
            (*value).to_owned()
        };
        ((*name).to_owned(), value)
    });
    let headers = own.chain(usual).take(headers).collect();
    let time = Some(Timestamp { seconds: 1_790_000_000, nanos: 123_456_789 });
    let http = HttpRequest {
        id: "11204672337361850411".to_owned(),
        method: met.method.to_owned(),
        headers,
        path,
        host: "api.example.com".to_owned(),
        scheme: "https".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        ..HttpRequest::default()
    };
    let attributes = AttributeContext {
        source: Some(peer("192.0.2.7", 51_234)),
        destination: Some(peer("10.0.0.5", 8443)),
        request: Some(Request { time, http: Some(http) }),
        ..AttributeContext::default()
    };
    CheckRequest { attributes: Some(attributes) }
}

fn peer(ip: &str, port: u32) -> Peer {
    let socket = SocketAddress {
        address: ip.to_owned(),
        port_specifier: Some(socket_address::PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    let address = Some(Address { address: Some(address::Address::SocketAddress(socket)) });
    Peer { address, ..Peer::default() }
}
