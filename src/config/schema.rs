//! The JSON Schema of `doorward.yaml`, for editors.
//!
//! The readers beside this file are what counts; the schema repeats them in
//! words that an editor understands. A test compares the two.

use super::{
    claims, decision_log, deny, identity, keys, limits, listen, read, reload, shutdown, tokens, traces,
};
use crate::yaml::Shape;

/// JSON Schema, draft 2020-12.
pub const SCHEMA: &str = include_str!("doorward.schema.json");

/// Every kind of mapping in the file, by its name under `$defs` in
/// [`SCHEMA`]; the empty name is the file itself.
pub const SHAPES: &[(&str, Shape)] = &[
    ("", read::SHAPE),
    ("listen", listen::SHAPE),
    ("grpcListener", listen::GRPC),
    ("httpListener", listen::HTTP),
    ("adminListener", listen::ADMIN),
    ("tls", listen::TLS),
    ("limits", limits::SHAPE),
    ("shutdown", shutdown::SHAPE),
    ("reload", reload::SHAPE),
    ("identity", identity::SHAPE),
    ("cache", identity::CACHE),
    ("token", tokens::SHAPE),
    ("issuer", identity::ISSUER),
    ("listClaim", claims::LIST),
    ("scopes", claims::SCOPES),
    ("keys", keys::SHAPE),
    ("deny", deny::SHAPE),
    ("login", deny::LOGIN),
    ("decisionLog", decision_log::SHAPE),
    ("decisionLogTo", decision_log::TO),
    ("redact", decision_log::REDACT),
    ("tracing", traces::SHAPE),
    ("otlp", traces::OTLP),
];
