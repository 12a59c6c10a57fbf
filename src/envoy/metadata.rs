//! Dynamic metadata: what Envoy's access log and later filters can read about
//! a decision, under `envoy.filters.http.ext_authz`.

use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{Struct, Value};

/// The fields that are known; a field that is not known is left out.
pub(super) fn metadata<'a>(fields: impl IntoIterator<Item = (&'static str, Option<&'a str>)>) -> Struct {
    let text = |value: &str| Value { kind: Some(Kind::StringValue(value.to_owned())) };
    let known = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), text(value?))));
    Struct { fields: known.collect() }
}
