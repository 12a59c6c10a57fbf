//! What routes and virtual hosts say to filters (`typed_per_filter_config`).

use super::chain::Chain;
use super::ext_authz;
use super::look::Look;
use super::message::{Message, Typed};
use crate::diag::{Code, Span};
use crate::yaml::Entry;

/// What a route is known to say about the check.
const FIELDS: &[&str] = &["check_settings", "disabled"];

/// What is known of its settings.
const SETTINGS: &[&str] = &[
    "context_extensions",
    "disable_request_body_buffering",
    "failure_mode_allow",
    "grpc_service",
    "http_service",
    "with_request_body",
];

/// Looks at what one level says; whether it names a service to Doorward.
pub(super) fn inspect<'a>(holder: Message<'a>, chain: Option<&Chain<'a>>, look: &Look<'a>) -> bool {
    let Some(configs) = holder.message("typed_per_filter_config", look) else { return false };
    let mut service = false;
    for entry in configs.entries() {
        let Some(typed) = Message::read(&entry.value, entry.key_span, look).and_then(|any| any.any(look))
        else {
            continue;
        };
        service |= config(entry, typed, chain, look);
    }
    service
}

fn config<'a>(entry: &'a Entry, typed: Typed<'a>, chain: Option<&Chain<'a>>, look: &Look<'a>) -> bool {
    let name = entry.key.as_str();
    let mut typed = Some(typed);
    let mut off = None;
    if let Some(wrapper) = typed.filter(|typed| typed.is("FilterConfig")).map(|typed| typed.body) {
        off = wrapper.is_on("disabled", look).then(|| wrapper.place("disabled"));
        typed = wrapper.has("config").then(|| wrapper.typed("config", look)).flatten();
    }
    let own = typed.filter(|typed| typed.is("ExtAuthzPerRoute"));
    let asked = match chain {
        Some(chain) => chain.names().contains(&name),
        None => own.is_some() || look.names.borrow().contains(name) || name.ends_with("ext_authz"),
    };
    if let Some(at) = off {
        if asked {
            disabled(at, look);
        } else if chain.is_some_and(|chain| chain.kind_of(name, look) == Some("header_mutation")) {
            let help = "remove it, unless it is not the filter that removes identity headers from trailers";
            look.tell(
                Code::TrailersPass,
                at,
                format!("the filter `{name}` is off here"),
                "switched off",
                help,
            );
        }
    }
    let Some(own) = own else {
        if let (true, Some(typed)) = (asked, typed) {
            look.unreadable(
                typed.body.value_place("@type"),
                format!("`{}` is no configuration of ext_authz for routes", typed.kind),
                "use `envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute`",
            );
        }
        return false;
    };
    look.visit(own.body);
    ext_authz::fields(own.body, FIELDS, look);
    if !asked {
        let message = format!("no ext_authz filter is called `{name}`: this has no effect");
        look.unreadable(entry.key_span, message, "write the name of the filter, as `http_filters` has it");
    }
    if own.body.is_on("disabled", look) {
        disabled(own.body.place("disabled"), look);
    }
    let Some(settings) = own.body.message("check_settings", look) else { return false };
    ext_authz::fields(settings, SETTINGS, look);
    ext_authz::fails_open(settings, look);
    ext_authz::asks(settings, look);
    ext_authz::body(settings, look);
    let extensions = settings.message("context_extensions", look);
    let service = extensions.and_then(|extensions| extensions.text("service", look));
    asked && service.is_some_and(|service| !service.is_empty())
}

fn disabled(at: Span, look: &Look<'_>) {
    look.tell(
        Code::CheckDisabled,
        at,
        "nobody asks Doorward about these requests",
        "switched off",
        "remove it, and write `access: anonymous` in the policy: there it is reviewed and tested",
    );
}
