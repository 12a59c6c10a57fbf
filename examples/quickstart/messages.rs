//! The messages of `proto/events.proto` and `proto/venues.proto`, written by hand so that the
//! quickstart needs no `protoc`. Both services share one shape.

/// `EventRequest` and `VenueRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Ask {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
    #[prost(string, tag = "2")]
    pub(crate) name: String,
}

/// `EventReply` and `VenueReply`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Reply {
    #[prost(string, tag = "1")]
    pub(crate) service: String,
    #[prost(string, tag = "2")]
    pub(crate) method: String,
    #[prost(string, tag = "3")]
    pub(crate) id: String,
    #[prost(string, tag = "4")]
    pub(crate) name: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) headers: Vec<Header>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) trailers: Vec<Header>,
}

/// One header or trailer.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Header {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}
