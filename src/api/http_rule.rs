//! `google.api.http`: how a gRPC method is called by HTTP/JSON, where a proxy
//! transcodes.

use super::descriptor::HttpRule;
use super::operation::parameter;
use crate::policy::{Method, Template};

/// One way to call a method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding<'r> {
    pub(super) method: &'r str,
    pub(super) path: &'r str,
}

/// All ways of a rule; additional ones hold no further ones.
pub(super) fn bindings(rule: &HttpRule) -> Vec<Binding<'_>> {
    std::iter::once(rule).chain(&rule.additional_bindings).filter_map(binding).collect()
}

fn binding(rule: &HttpRule) -> Option<Binding<'_>> {
    let known = [
        ("GET", &rule.get),
        ("PUT", &rule.put),
        ("POST", &rule.post),
        ("DELETE", &rule.delete),
        ("PATCH", &rule.patch),
    ];
    let known = known.into_iter().find_map(|(method, path)| Some(Binding { method, path: path.as_deref()? }));
    known.or_else(|| {
        let custom = rule.custom.as_ref()?;
        Some(Binding { method: custom.kind.as_deref()?, path: custom.path.as_deref()? })
    })
}

/// The route of a way to call; the error says why there is none.
pub(super) fn route(binding: &Binding<'_>) -> Result<(Method, Template), String> {
    let method = Method::of_request(binding.method).filter(|m| Method::ROUTABLE.contains(m));
    let method = method.ok_or("the method can't be named in a route")?;
    let written = expand(binding.path)?;
    let template = Template::parse(&written).map_err(|fault| fault.message)?;
    Ok((method, template))
}

/// `/v1/{name=shelves/*}/**` as a template: every `*` is a parameter of its own.
fn expand(path: &str) -> Result<String, String> {
    let mut written = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let (variable, behind) = after.split_once('}').ok_or("a `{` that is not closed")?;
        let (name, pattern) = variable.split_once('=').unwrap_or((variable, "*"));
        written.push_str(&stars(before, "segment", &mut 0));
        written.push_str(&stars(pattern, &parameter(name), &mut 0));
        rest = behind;
    }
    written.push_str(&stars(rest, "segment", &mut 0));
    Ok(written)
}

/// A pattern in which every segment `*` is a parameter.
fn stars(pattern: &str, name: &str, count: &mut usize) -> String {
    let named = pattern.split('/').map(|segment| {
        let verb = segment.strip_prefix('*').filter(|verb| !verb.starts_with('*'));
        match verb {
            Some(verb) => {
                *count += 1;
                let number = if *count > 1 { format!("_{count}") } else { String::new() };
                format!("{{{name}{number}}}{verb}")
            }
            None => segment.to_owned(),
        }
    });
    named.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn rules_become_templates() {
        let template =
            |path| route(&Binding { method: "GET", path }).map(|(_, template)| template.to_string());
        for (path, expected) in [
            ("/v1/events/{event_id}", "/v1/events/{event_id}"),
            ("/v1/{name=shelves/*/books/*}", "/v1/shelves/{name}/books/{name_2}"),
            ("/v1/{parent=shelves/*}/books", "/v1/shelves/{parent}/books"),
            ("/v1/{event.id}", "/v1/{event_id}"),
            ("/files/{path=**}", "/files/**"),
            ("/v1/events:batch", "/v1/events:batch"),
            ("/v1/*/x/*", "/v1/{segment}/x/{segment_2}"),
        ] {
            assert_eq!(template(path).unwrap(), expected, "{path}");
        }
        for path in ["/v1/{id}:cancel", "/v1/{id", "/{a=**}/b", "v1", "/v1/{}"] {
            assert!(template(path).is_err(), "{path}");
        }
        assert!(route(&Binding { method: "TRACE", path: "/" }).is_err());
        assert!(route(&Binding { method: "LOCK", path: "/" }).is_err());
    }
}
