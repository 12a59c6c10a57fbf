//! Runtime values (`layered_runtime`): what they say takes the place of what
//! stands beside their key.

use super::look::Look;
use super::message::Message;
use crate::diag::{Code, Span};
use crate::yaml::{Entry, Kind};

/// One layer; later ones win.
pub(super) enum Layer<'a> {
    /// Its values stand here.
    Here(&'a [Entry]),
    /// Envoy gets them from somewhere else: what it is called, and where it
    /// stands.
    Elsewhere(&'a str, Span),
}

/// Values that change how every request is read, and what they must be.
const READINGS: [(&str, &str); 2] = [
    ("http_connection_manager.path_with_escaped_slashes_action_enabled", "100"),
    ("envoy.reloadable_features.http_reject_path_with_fragment", "true"),
];

/// Reads the layers of a bootstrap.
pub(super) fn inspect<'a>(bootstrap: Message<'a>, look: &Look<'a>) {
    let Some(runtime) = bootstrap.message("layered_runtime", look) else { return };
    for layer in runtime.messages("layers", look) {
        let read = match layer.message("static_layer", look) {
            Some(values) => Layer::Here(values.entries()),
            None => Layer::Elsewhere(layer.name(look), layer.at),
        };
        look.runtime.borrow_mut().push(read);
    }
    for (key, right) in READINGS {
        if let Some(entry) = otherwise(key, right, look) {
            look.tell(
                Code::PathRaw,
                entry.key_span,
                format!("the runtime says otherwise than `{right}` for `{key}`"),
                "paths are read in two ways",
                "remove the line",
            );
        }
    }
}

/// Looks at a switch that must stay on, whose key may be said otherwise. `off`
/// is what becomes of requests then.
pub(super) fn stays_on<'a>(key: &str, off: &str, look: &Look<'a>) {
    if let Some(entry) = otherwise(key, "true", look) {
        look.tell(
            Code::CheckSwitch,
            entry.key_span,
            format!("the runtime turns `{key}` off: {off}"),
            "switched off means open",
            "remove the line",
        );
    }
    // Of those before the last that says it, nothing is heard.
    let layers = look.runtime.borrow();
    let last = layers.iter().rposition(|layer| !layer.values(key).is_empty());
    let open = last.and_then(|last| layers.get(last..)).unwrap_or(&layers);
    for layer in open {
        if let Layer::Elsewhere(name, at) = layer {
            look.tell(
                Code::EnvoyUnseen,
                *at,
                format!("the layer `{name}` of the runtime, which may turn `{key}` off: {off}"),
                "not in this file",
                "remove `filter_enabled`: then there is nothing to switch; what a running Envoy has says \
                 `curl -s localhost:9901/runtime`, with the port of its admin page",
            );
        }
    }
}

/// The line by which the runtime says something else than `right` of a key, as far
/// as it is seen. Where one layer says it twice, nested and not, Envoy takes either.
fn otherwise<'a>(key: &str, right: &str, look: &Look<'a>) -> Option<&'a Entry> {
    let layers = look.runtime.borrow();
    let said = layers.iter().map(|layer| layer.values(key)).rfind(|values| !values.is_empty())?;
    said.into_iter().find(|entry| !is(entry, right))
}

/// Whether a value is this one, in any case of letters.
fn is(entry: &Entry, right: &str) -> bool {
    matches!(&entry.value.kind, Kind::Scalar { text, .. } if text.eq_ignore_ascii_case(right))
}

impl<'a> Layer<'a> {
    fn values(&self, key: &str) -> Vec<&'a Entry> {
        match self {
            Self::Here(entries) => find(entries, key),
            Self::Elsewhere(..) => Vec::new(),
        }
    }
}

/// The values of a key, whose parts between dots may be nested.
fn find<'a>(entries: &'a [Entry], key: &str) -> Vec<&'a Entry> {
    let of = |entry: &'a Entry| {
        if entry.key == key {
            return vec![entry];
        }
        let rest = key.strip_prefix(entry.key.as_str()).and_then(|rest| rest.strip_prefix('.'));
        match (rest, &entry.value.kind) {
            (Some(rest), Kind::Map(inner)) => find(inner, rest),
            _ => Vec::new(),
        }
    };
    entries.iter().flat_map(of).collect()
}
