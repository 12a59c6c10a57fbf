//! What a denied caller is told: status, words, a link, or the way to the
//! login page.
//!
//! Everything that does not depend on the request is prepared when the process
//! starts. This room decides nothing and knows no transport: how a denial is
//! written down for HTTP or gRPC is said above. What it makes of a request's
//! words is a language out of a list, and the value of a query parameter.

mod accept;
mod login;
mod sentences;

use std::borrow::Cow;

use accept::language;
use sentences::sentences;

pub use login::Location;

use crate::config::{Deny, Login, Placeholder, Reveal, Title, UrlTemplate};
use crate::engine::{Input, Missing};
use crate::policy::MethodSet;
use crate::words::{Reason, Refusal};

/// What denied callers are told, by reason.
#[derive(Debug)]
pub struct Denials {
    /// In the order of [`Reason::ALL`].
    kinds: Vec<Kind>,
    /// For what is in no list: a fault of ours.
    fault: Kind,
    reveal: Reveal,
    request_access: Option<UrlTemplate>,
    login: Option<Login>,
}

/// What is told about one reason, whoever asks.
#[derive(Debug)]
struct Kind {
    refusal: Refusal,
    /// The reason as it is told; none where it is not.
    word: Option<&'static str>,
    title: Title,
    detail: Option<&'static str>,
    challenge: Option<&'static str>,
    vary: Option<&'static str>,
}

/// A request that was denied, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'a> {
    /// Why.
    pub reason: Reason,
    /// The id of the decision.
    pub id: &'a str,
    /// The request's words.
    pub request: Option<&'a Input<'a>>,
    /// The service, once found.
    pub service: Option<&'a str>,
    /// The route as the policy writes it, once found.
    pub route: Option<&'a str>,
    /// The user, once known.
    pub user: Option<&'a str>,
    /// What the user lacks.
    pub missing: &'a Missing,
    /// The methods of a path that does not take the request's.
    pub methods: MethodSet,
}

/// What to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<'p> {
    /// Send the browser to the login page.
    Login(Location),
    /// Refuse, with these words.
    Refuse(Told<'p>),
}

impl Answer<'_> {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Login(_) => Location::STATUS,
            Self::Refuse(told) => told.refusal.http(),
        }
    }
}

/// What a denied caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'p> {
    /// The status.
    pub refusal: Refusal,
    /// The word of the reason, unless it is not to be told.
    pub word: Option<&'static str>,
    /// A few words. May hold any letters, but no control characters.
    pub title: &'p str,
    /// The language of the title, where one was chosen.
    pub language: Option<&'p str>,
    /// A sentence, where the title is one of ours.
    pub detail: Option<&'static str>,
    /// For a 401: the value of `www-authenticate`.
    pub challenge: Option<&'static str>,
    /// For a 405: the methods that the path takes.
    pub allow: Option<MethodSet>,
    /// Whether the requirement that was not met may be named.
    pub requirement: bool,
    /// Where to ask for what is missing.
    pub request_access: Option<String>,
    /// The request headers that had a say in this.
    pub vary: Option<&'static str>,
}

/// The longest link that is given, in bytes. A gRPC caller gets it in a header.
const LONGEST_LINK: usize = 2048;

impl Default for Denials {
    fn default() -> Self {
        Self::new(&Deny::default())
    }
}

impl Denials {
    /// Prepares what the configuration says.
    pub fn new(deny: &Deny) -> Self {
        Self {
            kinds: Reason::ALL.iter().map(|reason| Kind::of(*reason, deny)).collect(),
            fault: Kind::of(Reason::EngineError, deny),
            reveal: deny.reveal,
            request_access: deny.request_access.clone(),
            login: deny.login.clone(),
        }
    }

    /// What to answer to a denied request.
    pub fn answer(&self, denied: Denied<'_>) -> Answer<'_> {
        if let (Some(login), Some(request), true) = (&self.login, denied.request, needs_login(denied.reason))
            && let Some(location) = login::location(login, request)
        {
            return Answer::Login(location);
        }
        let Kind { refusal, word, title, detail, challenge, vary } = self.kind(denied.reason);
        let (language, title) = match title {
            Title::One(title) => (None, &**title),
            Title::ByLanguage(titles) => {
                let wanted = denied.request.map(|request| request.headers.all("accept-language"));
                language(wanted.into_iter().flatten(), titles)
            }
        };
        Answer::Refuse(Told {
            refusal: *refusal,
            word: *word,
            title,
            language,
            detail: *detail,
            challenge: *challenge,
            allow: (*refusal == Refusal::MethodNotAllowed).then_some(denied.methods),
            requirement: self.reveal == Reveal::Requirement,
            request_access: self.link(denied),
            vary: *vary,
        })
    }

    fn kind(&self, reason: Reason) -> &Kind {
        self.kinds.get(reason as usize).unwrap_or(&self.fault)
    }

    fn link(&self, denied: Denied<'_>) -> Option<String> {
        let Denied { reason, id, request, service, route, user, missing, methods: _ } = denied;
        let template = self.request_access.as_ref()?;
        if !matches!(reason, Reason::RoleMissing | Reason::CodeMissing) {
            return None;
        }
        let link = template.fill(|placeholder| match placeholder {
            Placeholder::Service => service.unwrap_or_default().into(),
            Placeholder::Route => route.unwrap_or_default().into(),
            Placeholder::Method => request.map_or("", |request| request.method).into(),
            // Names of roles and codes hold no comma.
            Placeholder::MissingRoles => Cow::Owned(missing.roles.join(",")),
            Placeholder::MissingCodes => Cow::Owned(missing.codes.join(",")),
            Placeholder::User => user.unwrap_or_default().into(),
            Placeholder::DecisionId => id.into(),
            Placeholder::Url => "".into(),
        });
        // Cut short it would lead somewhere else.
        (link.len() <= LONGEST_LINK).then_some(link)
    }
}

impl Kind {
    fn of(reason: Reason, deny: &Deny) -> Self {
        let chosen = deny.statuses.get(reason.public_word()).copied();
        let usual = match Refusal::of(reason) {
            // A 405 must list methods (RFC 9110, section 15.5.6), and so tell
            // that there is something at this path.
            Refusal::MethodNotAllowed if deny.reveal == Reveal::None => Refusal::NotFound,
            usual => usual,
        };
        let refusal = chosen.unwrap_or(usual);
        let unauthorized = refusal == Refusal::Unauthorized;
        if deny.reveal == Reveal::None {
            return Self {
                refusal,
                word: None,
                title: Title::One(refusal.phrase().into()),
                detail: None,
                challenge: unauthorized.then_some(BARE),
                vary: vary(reason, false, deny),
            };
        }
        let (title, detail) = sentences(reason);
        let own = deny.titles.get(reason.public_word()).cloned();
        Self {
            refusal,
            word: Some(reason.public_word()),
            vary: vary(reason, matches!(own, Some(Title::ByLanguage(_))), deny),
            // Beside a title in other words, or another language, ours would be
            // a second voice.
            detail: own.is_none().then_some(detail),
            title: own.unwrap_or_else(|| Title::One(title.into())),
            challenge: unauthorized.then(|| challenge(reason)),
        }
    }
}

/// Whether a login is what the caller needs. A token that was refused for
/// another reason than its age would be refused again: the browser would go
/// round in circles.
fn needs_login(reason: Reason) -> bool {
    matches!(reason, Reason::TokenMissing | Reason::TokenExpired)
}

fn vary(reason: Reason, localized: bool, deny: &Deny) -> Option<&'static str> {
    match (deny.login.is_some() && needs_login(reason), localized) {
        (true, true) => Some("accept, accept-language"),
        (true, false) => Some("accept"),
        (false, true) => Some("accept-language"),
        (false, false) => None,
    }
}

const BARE: &str = "Bearer realm=\"doorward\"";

/// RFC 6750, section 3: an error is named only where a token was presented.
fn challenge(reason: Reason) -> &'static str {
    match reason {
        Reason::TokenMissing => BARE,
        Reason::TokenExpired => {
            "Bearer realm=\"doorward\", error=\"invalid_token\", error_description=\"The token has expired\""
        }
        _ => "Bearer realm=\"doorward\", error=\"invalid_token\"",
    }
}

#[cfg(test)]
mod tests;
