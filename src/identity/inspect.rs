//! Every check of one token, told one by one, for a person who wonders why a
//! token is refused. A request is answered by [`Verifier::recall`] alone; that
//! the two say the same is tested.

use serde_json::{Map, Value};

use super::validity::Validity;
use super::{Refusal, Verifier, claims, credential, jws};
use crate::engine::{Reason, Subject};

/// What one token is, and what each check says of it. Holds no signature and
/// not the token; of the claims all, so it has no `Debug`.
pub struct Inspection {
    /// `alg`, as the token says.
    pub algorithm: Option<String>,
    /// `typ`, as the token says.
    pub typ: Option<String>,
    /// `kid`, as the token says.
    pub key_id: Option<String>,
    /// `iss`, as the token says.
    pub issuer: Option<String>,
    /// `exp`, in seconds since 1970.
    pub expires: Option<u64>,
    /// The claims, believable only if the signature is.
    pub claims: Map<String, Value>,
    /// All checks in their order. The first that refuses is what a request
    /// with this token gets.
    pub checks: Vec<Check>,
    /// Who would call, if every check held.
    pub subject: Option<Subject>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in a word.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It refuses the token.
    Refuses(Refusal),
    /// It can't be made, because another refuses.
    Open,
}

impl Inspection {
    /// The refusal that a request with this token gets; `None` for a good one.
    pub fn refusal(&self) -> Option<Refusal> {
        self.checks.iter().find_map(|check| match check.outcome {
            Outcome::Refuses(refusal) => Some(refusal),
            Outcome::Holds | Outcome::Open => None,
        })
    }
}

/// The checks, in the order of a request.
const CHECKS: [&str; 12] = [
    "form",
    "issuer",
    "type",
    "algorithm",
    "key",
    "signature",
    "sender",
    "times",
    "audience",
    "required claims",
    "subject",
    "user claim",
];

impl Verifier {
    /// Makes every check of a token that can be made, for a service whose
    /// audiences count where it has some. `now` is in seconds since 1970.
    pub fn inspect(&self, token: &str, audiences: &[Box<str>], now: u64) -> Inspection {
        let mut told = Inspection {
            algorithm: None,
            typ: None,
            key_id: None,
            issuer: None,
            expires: None,
            claims: Map::new(),
            checks: CHECKS.iter().map(|name| Check { name, outcome: Outcome::Open }).collect(),
            subject: None,
        };
        let parsed = credential::token(token.as_bytes()).and_then(|token| jws::parse(token.as_str()));
        let Some(token) = told.say("form", parsed) else { return told };
        told.algorithm = Some(token.algorithm().to_owned());
        told.typ = token.typ().map(str::to_owned);
        told.key_id = token.key_id().map(str::to_owned);
        told.issuer = token.issuer().ok().map(str::to_owned);

        let authority = token.issuer().and_then(|issuer| {
            self.authorities.get(issuer).ok_or(Refusal::new(Reason::IssuerUnknown, "no such issuer"))
        });
        let Some(authority) = told.say("issuer", authority) else {
            told.claims = token.into_claims();
            return told;
        };
        let rules = authority.rules();
        told.say("type", rules.check_type(token.typ()));
        if let Some(algorithm) = told.say("algorithm", authority.algorithm(token.algorithm())) {
            let held = authority.keys.load();
            let key = held.keys(now).and_then(|keys| keys.find(algorithm, token.key_id()));
            if let Some(key) = told.say("key", key) {
                let verifies = key.verifies(algorithm, token.signed(), token.signature());
                let refusal = Refusal::new(Reason::SignatureInvalid, "the signature does not verify");
                told.say("signature", verifies.then_some(()).ok_or(refusal));
            }
        }
        let claims = token.into_claims();
        told.say("sender", claims::unbound(&claims));
        match Validity::read(&claims) {
            Err(refusal) => drop(told.say::<()>("times", Err(refusal))),
            Ok(validity) => {
                told.expires = Some(validity.expires());
                told.say("times", validity.time(rules, now));
                told.say("audience", validity.audience(rules.audiences_for(audiences)));
            }
        }
        told.say("required claims", claims::required(&claims, rules));
        told.say("subject", claims::sub(&claims));
        told.subject =
            told.say("user claim", claims::bearer(claims.clone(), rules)).map(|named| named.subject);
        told.claims = claims;
        told
    }
}

impl Inspection {
    fn say<T>(&mut self, name: &str, result: Result<T, Refusal>) -> Option<T> {
        if let Some(check) = self.checks.iter_mut().find(|check| check.name == name) {
            check.outcome = match &result {
                Ok(_) => Outcome::Holds,
                Err(refusal) => Outcome::Refuses(*refusal),
            };
        }
        result.ok()
    }
}
