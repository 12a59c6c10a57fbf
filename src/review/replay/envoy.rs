//! Lines of Envoy's access log in JSON.
//!
//! Which fields an access log has, its configuration says; the usual names are
//! defaults. A field that is not there, `null` or `-` says nothing.

use serde_json::{Map, Value};

use super::seen::{Caller, Open, REDACTED, Seen, Token, Told, Words};
use crate::engine::{Reason, json};
use crate::policy::instant::rfc3339;

macro_rules! fields {
    ($($variant:ident $word:literal [$($usual:literal)*];)*) => {
        /// Something that a line may say.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Field {
            $(#[doc = $word] $variant,)*
        }

        impl Field {
            /// The words for all of them.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The field of a word.
            pub fn of_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }

            /// The names that it usually has, the best first.
            fn usual(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($usual,)*],)* }
            }
        }
    };
}

fields! {
    Time "time" ["start_time" "time" "timestamp"];
    Method "method" ["method" "request_method"];
    Path "path" ["path" "request_path"];
    Host "host" ["authority" "host"];
    Source "source" ["downstream_remote_address" "client_ip" "source"];
    Peer "peer" ["downstream_peer_uri_san" "peer"];
    Details "details" ["response_code_details"];
    Reason "reason" ["reason" "ext_authz_reason"];
    Service "service" ["service"];
    Route "route" ["route"];
    User "user" ["user" "user_id"];
    Roles "roles" ["roles" "user_roles"];
}

/// Where in a line what stands, beside where it usually does.
#[derive(Debug, Clone, Default)]
pub struct Fields(Vec<(Field, String)>);

impl Fields {
    /// Says that something stands elsewhere.
    pub fn put(&mut self, field: Field, name: &str) {
        self.0.push((field, name.to_owned()));
    }

    /// Whether anything stands elsewhere than usual.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn find<'l>(&self, line: &'l Map<String, Value>, field: Field) -> Option<&'l str> {
        let told = self.0.iter().rev().find(|(known, _)| *known == field);
        let value = match told {
            // A name with dots is that of a member, or a way to one.
            Some((_, name)) => line.get(name).or_else(|| {
                let mut names = name.split('.');
                let first = line.get(names.next()?)?;
                names.try_fold(first, |value, name| value.as_object()?.get(name))
            }),
            None => field.usual().iter().find_map(|name| line.get(*name)),
        };
        value?.as_str().filter(|text| !matches!(*text, "" | "-"))
    }
}

/// Reads a line.
pub(super) fn read(text: &[u8], fields: &Fields, trust: bool) -> Result<Seen, &'static str> {
    let line = json::object(text).ok_or("not a JSON object, or a member stands twice in it")?;
    let find = |field| fields.find(&line, field);
    let (Some(method), Some(path), Some(host), Some(time)) =
        (find(Field::Method), find(Field::Path), find(Field::Host), find(Field::Time))
    else {
        return Err(
            "it has no method, path, host or time: neither a decision log nor Envoy's access log, or name its fields with `--field`",
        );
    };
    let at = rfc3339(time).ok_or("its time is not a time")?;
    let (allowed, reason) = ended(find(Field::Reason), find(Field::Details))?;
    let source = match find(Field::Source) {
        None => Told::No,
        Some(text) => Told::Yes(Some(address(text).ok_or("its source is not an address")?)),
    };
    let peer = find(Field::Peer).map_or(Told::No, |peer| Told::Yes(Some(peer.to_owned())));
    let open = if trust { Open::default() } else { Open::ALL };
    let caller = match (find(Field::User), reason) {
        (Some(user), _) if find(Field::Peer) == Some(user) => Caller::Peer,
        (Some(user), _) => {
            let roles = find(Field::Roles).into_iter().flat_map(|roles| roles.split(','));
            let roles: Vec<String> =
                roles.map(|role| role.trim().to_owned()).filter(|role| !role.is_empty()).collect();
            // On a denial no header names the roles.
            let open = Open { roles: open.roles || find(Field::Roles).is_none(), ..open };
            Caller::Token(Box::new(Token {
                user: user.to_owned(),
                hidden: user == REDACTED,
                roles,
                open,
                ..Token::default()
            }))
        }
        (None, Some(reason)) if reason.is_unauthenticated() => Caller::Refused(reason),
        (None, _) => Caller::Unasked,
    };
    let text = |field| find(field).map(str::to_owned);
    Ok(Seen {
        at,
        allowed,
        reason,
        detail: None,
        words: Some(Words {
            method: method.to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            altered: false,
            with_query: true,
            source,
            peer,
            named: Told::No,
            kind: Told::No,
        }),
        service: text(Field::Service),
        route: text(Field::Route),
        caller,
    })
}

/// How it ended: by Doorward's own word, else by what Envoy says of the filter.
fn ended(reason: Option<&str>, details: Option<&str>) -> Result<(bool, Option<Reason>), &'static str> {
    match (reason, details) {
        (Some(word), _) => {
            let reason = Reason::from_word(word).ok_or("its reason is none of this version")?;
            Ok((reason.is_allowed(), Some(reason)))
        }
        (None, Some("ext_authz_denied")) => Ok((false, None)),
        (None, Some("ext_authz_error")) => Ok((false, Some(Reason::EngineError))),
        (None, Some(_)) => Ok((true, Some(Reason::Allowed))),
        (None, None) => {
            Err("it says neither `reason` nor `response_code_details`: what was decided is not known")
        }
    }
}

/// An address, perhaps with its port.
fn address(text: &str) -> Option<std::net::IpAddr> {
    text.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}
