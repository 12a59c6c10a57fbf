//! The JSON Schema of policy files, for editors.
//!
//! The readers beside this file are what counts; the schema repeats them in
//! words that an editor understands. A test compares the two.

use super::{binding, document, invariant, need, role, route, service, suite};
use crate::yaml::Shape;

/// JSON Schema, draft 2020-12.
pub const SCHEMA: &str = include_str!("policy.schema.json");

/// Every kind of mapping in a policy file, by its name under `$defs` in
/// [`SCHEMA`]; the empty name is the file itself.
pub const SHAPES: &[(&str, Shape)] = &[
    ("", document::DOCUMENT),
    ("role", role::ROLE),
    ("binding", binding::BINDING),
    ("group", binding::GROUP),
    ("service", service::SERVICE),
    ("defaults", route::DEFAULTS),
    ("route", route::ROUTE),
    ("anyOrAll", need::ANY_OR_ALL),
    ("ip", need::IP),
    ("persona", suite::PERSONA),
    ("test", suite::TEST),
    ("invariant", invariant::INVARIANT),
    ("callers", invariant::CALLERS),
];
