//! The statuses that a denial can have.

use super::reason::Reason;

/// The answers a denial can have: an HTTP status for HTTP callers, the status
/// of a gRPC caller beside it. None of them can be taken for a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 421
    MisdirectedRequest,
    /// 503
    ServiceUnavailable,
}

impl Refusal {
    /// Every one of them.
    pub const ALL: &'static [Self] = &[
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::MisdirectedRequest,
        Self::ServiceUnavailable,
    ];

    /// The answer that goes with a reason. A reason with a status that is not
    /// one of these is a fault of ours, and answered as one.
    pub fn of(reason: Reason) -> Self {
        Self::of_status(reason.status()).unwrap_or(Self::ServiceUnavailable)
    }

    /// The answer with this HTTP status.
    pub fn of_status(status: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|refusal| refusal.http() == status)
    }

    /// The HTTP status.
    pub fn http(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::MisdirectedRequest => 421,
            Self::ServiceUnavailable => 503,
        }
    }

    /// The words that RFC 9110 has for the HTTP status.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::BadRequest => "Bad Request",
            Self::Unauthorized => "Unauthorized",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "Not Found",
            Self::MethodNotAllowed => "Method Not Allowed",
            Self::MisdirectedRequest => "Misdirected Request",
            Self::ServiceUnavailable => "Service Unavailable",
        }
    }

    /// The gRPC status: what a gRPC caller sees, and the `status.code` of the
    /// message. An unknown host, path or method is to gRPC a method that
    /// nobody implements.
    pub fn grpc(self) -> u32 {
        match self {
            Self::BadRequest => 3,    // INVALID_ARGUMENT
            Self::Unauthorized => 16, // UNAUTHENTICATED
            Self::Forbidden => 7,     // PERMISSION_DENIED
            Self::NotFound | Self::MethodNotAllowed | Self::MisdirectedRequest => 12, // UNIMPLEMENTED
            Self::ServiceUnavailable => 14, // UNAVAILABLE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_denial_has_its_status() {
        for reason in Reason::ALL.iter().filter(|r| !r.is_allowed()) {
            assert_eq!(Refusal::of(*reason).http(), reason.status());
        }
        assert_eq!(Refusal::of(Reason::Allowed), Refusal::ServiceUnavailable);
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::of_status(refusal.http()), Some(*refusal));
            assert!((400..600).contains(&refusal.http()) && (1..=16).contains(&refusal.grpc()));
        }
    }
}
