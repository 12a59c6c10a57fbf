//! The built-in titles and details.
//!
//! Constant sentences: what they say about a request is its reason, and no
//! word of the request itself.

use crate::words::Reason;

/// Title and detail of a reason. All failed token checks share one pair: what
/// exactly failed would help only somebody who forges tokens.
pub(super) fn sentences(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::RequestMalformed => ("Malformed request", "The request is not one that can be checked."),
        Reason::PathAmbiguous => {
            ("Ambiguous path", "The path could be read in two ways; send it in its canonical form.")
        }
        Reason::ServiceUnknown => ("Unknown service", "No service answers for this host and path."),
        Reason::RouteUnknown => ("Unknown route", "No route of the service matches this path."),
        Reason::MethodNotAllowed => ("Method not allowed", "The path does not take this method."),
        Reason::RouteDenied => ("Route closed", "Nobody may call this route."),
        Reason::UpgradeDenied => ("Upgrade not allowed", "The route does not permit a protocol upgrade."),
        Reason::IpDenied => ("Address not allowed", "Requests from this address are not accepted here."),
        Reason::PeerDenied => ("Peer not allowed", "Only certain client certificates may call this."),
        Reason::TokenMissing => ("Token missing", "The route needs a bearer token."),
        Reason::TokenExpired => ("Token expired", "The token has expired."),
        Reason::TokenAmbiguous
        | Reason::TokenMalformed
        | Reason::TokenNotYetValid
        | Reason::SignatureInvalid
        | Reason::AlgorithmNotAllowed
        | Reason::IssuerUnknown
        | Reason::AudienceMismatch
        | Reason::KeyUnknown
        | Reason::TokenRevoked => ("Token not accepted", "The token is not accepted."),
        Reason::RoleMissing => ("Role missing", "A role is needed that the caller does not hold."),
        Reason::CodeMissing => {
            ("Permission missing", "A permission is needed that the caller does not have.")
        }
        Reason::ConditionFalse | Reason::ConditionError => {
            ("Condition not met", "The condition of the route does not hold for this request.")
        }
        Reason::ValueUnsafe => {
            ("Value not allowed", "A value of the caller's identity can't be passed on safely.")
        }
        Reason::KeysUnavailable => ("Temporarily unavailable", "Tokens can't be verified at the moment."),
        Reason::Overloaded => ("Temporarily unavailable", "The request could not be checked in time."),
        // An allow is not told here. Should it ever be, it is a fault of ours.
        Reason::EngineError | Reason::Allowed => {
            ("Temporarily unavailable", "The request could not be checked.")
        }
    }
}
