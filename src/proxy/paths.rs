//! One reading of every path, header name and host.

use super::look::Look;
use super::message::Message;
use crate::diag::Code;

const SLASHES: &[&str] = &[
    "IMPLEMENTATION_SPECIFIC_DEFAULT",
    "KEEP_UNCHANGED",
    "REJECT_REQUEST",
    "UNESCAPE_AND_REDIRECT",
    "UNESCAPE_AND_FORWARD",
];

/// Looks at how one manager tidies requests.
pub(super) fn inspect<'a>(manager: Message<'a>, look: &Look<'a>) {
    for (field, opens) in
        [("normalize_path", "`/public/../admin` is `/admin`"), ("merge_slashes", "`//admin` is `/admin`")]
    {
        if manager.is_off(field, look) {
            let help = format!("write `{field}: true`: {opens} before anybody looks");
            look.tell(Code::PathRaw, manager.place(field), format!("`{field}` is off"), "not set", help);
        }
    }
    let field = "path_with_escaped_slashes_action";
    match manager.choice(field, SLASHES, look) {
        Some(3) => look.tell(
            Code::OpenRedirect,
            manager.value_place(field),
            "`/%2fevil.example` is redirected before it is checked",
            "redirects anybody",
            format!("write `{field}: REJECT_REQUEST`"),
        ),
        Some(0 | 1 | 4) => look.tell(
            Code::PathRaw,
            manager.place(field),
            "`%2F` and `%5C` in paths are not refused",
            "not `REJECT_REQUEST`",
            format!("write `{field}: REJECT_REQUEST`"),
        ),
        _ => {}
    }
    if let Some(options) = manager.get("path_normalization_options") {
        let message = "`path_normalization_options` may give filters another path than upstreams";
        look.unreadable(options.key_span, message, "use `normalize_path` and `merge_slashes`");
    }
    names(manager, look);
    hosts(manager, look);
}

fn names<'a>(manager: Message<'a>, look: &Look<'a>) {
    let field = "headers_with_underscores_action";
    let common = manager.message("common_http_protocol_options", look);
    let action = common.map(|common| common.choice(field, &["ALLOW", "REJECT_REQUEST", "DROP_HEADER"], look));
    if matches!(action, None | Some(Some(0))) {
        look.tell(
            Code::HeadersLookAlike,
            common.map_or(manager.at, |common| common.place(field)),
            "header names with `_` are let through",
            "`x_user_id` is `x-user-id` to many an upstream",
            format!("write `{field}: REJECT_REQUEST` in `common_http_protocol_options`"),
        );
    }
}

fn hosts<'a>(manager: Message<'a>, look: &Look<'a>) {
    let mut missing = Vec::new();
    if manager.is_off("strip_any_host_port", look) && manager.is_off("strip_matching_host_port", look) {
        missing.push("`strip_any_host_port: true`");
    }
    if manager.is_off("strip_trailing_host_dot", look) {
        missing.push("`strip_trailing_host_dot: true`");
    }
    if !missing.is_empty() {
        look.tell(
            Code::HostSpellings,
            manager.at,
            "a host can be written with a port or a final dot",
            "keeps what clients write",
            format!("write {}", missing.join(" and ")),
        );
    }
}
