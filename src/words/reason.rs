//! The closed list of reasons. The same words stand in the response, the
//! logs, the tests and `explain`.

macro_rules! reasons {
    ($($variant:ident $word:literal $status:literal $meaning:literal;)*) => {
        /// Why a request was allowed or denied.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the decision's steps.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The word, such as `role_missing`.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $word,)* }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Reason::$variant => $status,)* }
            }

            /// One sentence on what it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$variant => $meaning,)* }
            }

            /// The reason of a word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Reason::$variant),)* _ => None }
            }
        }
    };
}

reasons! {
    RequestMalformed "request_malformed" 400 "Method, host or path are missing or not valid, or a method-override header names another method.";
    PathAmbiguous "path_ambiguous" 400 "The path could be read in two ways.";
    ServiceUnknown "service_unknown" 404 "No service answers for this host and path.";
    RouteUnknown "route_unknown" 404 "The service has no route that matches the path.";
    MethodNotAllowed "method_not_allowed" 405 "The path matches, the method does not.";
    RouteDenied "route_denied" 403 "The route says `access: denied`.";
    UpgradeDenied "upgrade_denied" 403 "The request asks for a protocol upgrade that the route does not permit.";
    IpDenied "ip_denied" 403 "The source address is denied or not among those allowed.";
    PeerDenied "peer_denied" 403 "The connection's client certificate is missing or not among those that may call.";
    TokenMissing "token_missing" 401 "The route needs a token and the request carries none.";
    TokenAmbiguous "token_ambiguous" 401 "The request carries more than one credential.";
    TokenMalformed "token_malformed" 401 "The credential is not a well-formed token.";
    TokenExpired "token_expired" 401 "The token's `exp` has passed.";
    TokenNotYetValid "token_not_yet_valid" 401 "The token's `nbf` or `iat` lies in the future.";
    SignatureInvalid "signature_invalid" 401 "The signature does not verify.";
    AlgorithmNotAllowed "algorithm_not_allowed" 401 "The token's algorithm is not allowed for its issuer.";
    IssuerUnknown "issuer_unknown" 401 "No configured issuer has the token's `iss`.";
    AudienceMismatch "audience_mismatch" 401 "The token's `aud` names none of the audiences of the service or its issuer.";
    KeyUnknown "key_unknown" 401 "The issuer has no key that fits the token's `kid`.";
    TokenRevoked "token_revoked" 401 "The token was revoked.";
    RoleMissing "role_missing" 403 "A required role is not held.";
    CodeMissing "code_missing" 403 "A required permission code is not granted, or is denied.";
    ConditionFalse "condition_false" 403 "The route's condition does not hold.";
    ConditionError "condition_error" 403 "The route's condition could not be evaluated.";
    Allowed "allowed" 200 "Every requirement holds.";
    ValueUnsafe "value_unsafe" 403 "A value that would have to become a header may not become one.";
    EngineError "engine_error" 503 "A fault of Doorward's own.";
    KeysUnavailable "keys_unavailable" 503 "The issuer's keys are not to be had.";
    Overloaded "overloaded" 503 "The check could not be answered before its deadline.";
}

impl Reason {
    /// Whether the request passes. True for one reason only.
    pub fn is_allowed(self) -> bool {
        self == Self::Allowed
    }

    /// Whether the caller must come back with a (different) token: the answer
    /// carries `WWW-Authenticate`.
    pub fn is_unauthenticated(self) -> bool {
        self.status() == 401
    }

    /// What the caller is told. The exact word of a failed token check stays
    /// in the log: it would help only somebody who forges tokens.
    pub fn public_word(self) -> &'static str {
        match self {
            Self::TokenMissing | Self::TokenExpired => self.as_str(),
            _ if self.is_unauthenticated() => "token_invalid",
            _ => self.as_str(),
        }
    }

    /// Of every word that a denied caller may be told, the first reason that
    /// it stands for.
    pub fn public() -> impl Iterator<Item = Self> {
        let denials = Self::ALL.iter().enumerate().filter(|(_, reason)| !reason.is_allowed());
        denials.filter_map(|(at, reason)| {
            let before = Self::ALL.get(..at).unwrap_or_default();
            let told = before.iter().any(|earlier| earlier.public_word() == reason.public_word());
            (!told).then_some(*reason)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_statuses_are_consistent() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_word(reason.as_str()), Some(*reason));
            assert_eq!(reason.is_allowed(), reason.status() == 200, "{reason:?}");
            assert!([200, 400, 401, 403, 404, 405, 503].contains(&reason.status()));
        }
        assert_eq!(Reason::SignatureInvalid.public_word(), "token_invalid");
        assert_eq!(Reason::TokenExpired.public_word(), "token_expired");
        let public: Vec<_> = Reason::public().map(Reason::public_word).collect();
        assert_eq!(public.iter().filter(|word| word.starts_with("token_")).count(), 3);
        assert!(!public.contains(&"allowed") && public.contains(&"overloaded"));
    }
}
