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
        if let Some(entry) = value(key, look)
            && !is(entry, right)
        {
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
    let found = value(key, look);
    if let Some(entry) = found.filter(|entry| !is(entry, "true")) {
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
    let last = layers.iter().rposition(|layer| layer.value(key).is_some());
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

/// What the runtime says of a key, as far as it is seen.
fn value<'a>(key: &str, look: &Look<'a>) -> Option<&'a Entry> {
    look.runtime.borrow().iter().rev().find_map(|layer| layer.value(key))
}

/// Whether a value is this one, in any case of letters.
fn is(entry: &Entry, right: &str) -> bool {
    matches!(&entry.value.kind, Kind::Scalar { text, .. } if text.eq_ignore_ascii_case(right))
}

impl<'a> Layer<'a> {
    fn value(&self, key: &str) -> Option<&'a Entry> {
        match self {
            Self::Here(entries) => find(entries, key),
            Self::Elsewhere(..) => None,
        }
    }
}

/// The value of a key, whose parts between dots may be nested.
fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().rev().find_map(|entry| {
        if entry.key == key {
            return Some(entry);
        }
        let rest = key.strip_prefix(entry.key.as_str())?.strip_prefix('.')?;
        match &entry.value.kind {
            Kind::Map(inner) => find(inner, rest),
            _ => None,
        }
    })
}
