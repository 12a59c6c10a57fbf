//! What Doorward may change in a request, and whether Envoy does all of it.

use super::look::Look;
use super::matcher::{Names, patterns};
use super::message::Message;
use crate::diag::Code;

/// Looks at the rules of one ext_authz filter.
pub(super) fn inspect<'a>(filter: Message<'a>, look: &Look<'a>) {
    if filter.is_off("validate_mutations", look) {
        look.tell(
            Code::AnswersUnchecked,
            filter.place("validate_mutations"),
            "`validate_mutations` is off",
            "not set",
            "write `validate_mutations: true`",
        );
    }
    if let Some(rules) = filter.message("decoder_header_mutation_rules", look) {
        allowed(rules, look);
    } else {
        look.tell(
            Code::AnswersUnchecked,
            filter.place("decoder_header_mutation_rules"),
            "Doorward may change any header",
            "no `decoder_header_mutation_rules`",
            format!("write {}", example()),
        );
    }
    if let Some(service) = filter.message("http_service", look) {
        by_http(service, look);
    }
}

fn example() -> String {
    "`decoder_header_mutation_rules: { disallow_all: true, allow_expression: { regex: \
     \"^(x[^a-z0-9]user[^a-z0-9].+|authorization|cookie)$\" }, disallow_is_error: true }`"
        .to_owned()
}

fn allowed<'a>(rules: Message<'a>, look: &Look<'a>) {
    let tell = |at, message: String, label: &str| {
        look.tell(Code::ChangeSkipped, at, message, label, format!("write {}", example()));
    };
    if rules.is_off("disallow_is_error", look) {
        let message = "a change that is not allowed is skipped, and a client's own header passes";
        tell(rules.place("disallow_is_error"), message.to_owned(), "not set");
    }
    let expression = |field: &str| rules.message(field, look).map(|regex| Names::regex(regex, look));
    let (allow, disallow) = (expression("allow_expression"), expression("disallow_expression"));
    let disallow_all = rules.is_on("disallow_all", look);
    let taken = |name: &str| {
        let refused = disallow.as_ref().is_some_and(|names| names.take(name));
        let named = allow.as_ref().is_some_and(|names| names.take(name));
        !refused && (named || !disallow_all)
    };
    let unknown = [&allow, &disallow].into_iter().any(|names| matches!(names, Some(Names::Unknown)));
    let left: Vec<String> = look.managed.spellings().filter(|name| !taken(name)).collect();
    if !left.is_empty() && !unknown {
        let message =
            format!("Doorward may not change `{}`, which it does on every allow", left.join("`, `"));
        tell(rules.value_place("allow_expression"), message, "does not take them");
    }
    let wide = ["allow_all_routing", "allow_envoy"].into_iter().find(|field| rules.is_on(field, look));
    if let Some(field) = wide {
        let help = "remove the line: Doorward changes identity headers alone";
        let message = format!("`{field}` lets an answer steer Envoy");
        look.tell(Code::AnswersUnchecked, rules.place(field), message, "more than is needed", help);
    } else if !disallow_all {
        look.tell(
            Code::AnswersUnchecked,
            rules.place("disallow_all"),
            "Doorward may change any header",
            "no `disallow_all`",
            format!("write {}", example()),
        );
    }
}

/// By HTTP, Envoy takes from an answer what a list names.
fn by_http<'a>(service: Message<'a>, look: &Look<'a>) {
    let answer = service.message("authorization_response", look);
    let list = answer.and_then(|answer| answer.message("allowed_upstream_headers", look));
    let patterns = list.map(|list| patterns(list, look)).unwrap_or_default();
    let taken = |name: &&String| patterns.iter().any(|names| names.take(name));
    let left: Vec<&str> =
        look.managed.names().iter().filter(|name| !taken(name)).map(String::as_str).collect();
    if !left.is_empty() {
        look.tell(
            Code::ChangeSkipped,
            list.or(answer).unwrap_or(service).at,
            format!("Envoy does not take `{}` from Doorward's answer", left.join("`, `")),
            "a client's own pass",
            "write `authorization_response: { allowed_upstream_headers: { patterns: [{ prefix: x-user- }] } }`",
        );
    }
}
