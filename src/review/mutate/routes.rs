//! Routes made weaker: what they require, who needs no more than a token, and
//! which requests they match.

use std::sync::Arc;

use super::Kind;
use super::change::Change;
use super::requirements::{self, Vocabulary, who};
use crate::policy::{Access, Defaults, Located, Method, MethodSet, Route, Segment, Service, Template};

/// Everything that can be weakened in a route. The levels are its own, its
/// service's and the policy's.
pub(super) fn of_route(
    route: &Route,
    levels: [&Defaults; 3],
    service: &Service,
    vocabulary: &Vocabulary<'_>,
) -> Vec<Change<Route>> {
    let own = requirements::of(&route.own, vocabulary);
    let mut changes: Vec<Change<Route>> =
        own.into_iter().map(|change| change.within(|own| Route { own, ..route.clone() })).collect();
    changes.extend(opened(route, levels));
    changes.extend(paths(route));
    changes.extend(methods(route, service));
    changes
}

/// The next step of `access`: a route with requirements is for anybody with a
/// token; one that asks for a peer alone, and so for no token, for anybody.
fn opened(route: &Route, [own, of_service, of_policy]: [&Defaults; 3]) -> Option<Change<Route>> {
    let levels = if route.inherit { vec![own, of_service, of_policy] } else { vec![own] };
    let token =
        levels.iter().any(|level| level.roles.is_some() || level.codes.is_some() || level.when.is_some());
    let (span, before, to) = match &route.access {
        Some(Located { value: Access::Anonymous, .. }) => return None,
        Some(Located { value: Access::Authenticated, span }) => {
            (*span, Access::Authenticated, Access::Anonymous)
        }
        Some(Located { value: Access::Denied, span }) => (*span, Access::Denied, Access::Authenticated),
        None => {
            let to = if token { Access::Authenticated } else { Access::Anonymous };
            let keys: Vec<String> = std::iter::once(line(&route.text)).chain(who(own)).collect();
            let after = format!("{}, access: {}", line(&route.text), to.as_str());
            return Some(replaced(route, to, route.span, keys.join(", "), after));
        }
    };
    let say = |access: Access| format!("access: {}", access.as_str());
    Some(replaced(route, to, span, say(before), say(to)))
}

fn replaced(
    route: &Route,
    access: Access,
    span: crate::diag::Span,
    before: String,
    after: String,
) -> Change<Route> {
    let Defaults { roles: _, codes: _, peers: _, ip, when: _ } = &route.own;
    let own = Defaults { ip: ip.clone(), ..Defaults::default() };
    let access = Some(Located { value: access, span });
    let to = Route { own, access, ..route.clone() };
    Change { kind: Kind::AccessOpened, span, before, after: Some(after), to }
}

/// Everything below, too; and any segment in place of each that is written out.
/// Of a gRPC method's, only the method: nobody writes one of any service.
fn paths(route: &Route) -> Vec<Change<Route>> {
    let Template { segments, rest } = &*route.template;
    let mut wider = Vec::new();
    if !rest && !route.grpc_only {
        wider.push(Template { segments: segments.clone(), rest: true });
    }
    let first = if route.grpc_only { segments.len().saturating_sub(1) } else { 0 };
    let literals = segments.iter().enumerate().skip(first);
    let literals = literals.filter(|(_, segment)| matches!(segment, Segment::Literal(_)));
    wider.extend(literals.map(|(at, _)| {
        let mut segments = segments.clone();
        let name = free_name(&segments);
        segments.iter_mut().skip(at).take(1).for_each(|segment| *segment = Segment::Param(name.clone()));
        Template { segments, rest: *rest }
    }));
    let words = route.text.split(' ').next().unwrap_or_default();
    let change = |template: Template| {
        let text = format!("{words} {template}");
        Change {
            kind: Kind::PathWidened,
            span: route.span,
            before: line(&route.text),
            after: Some(line(&text)),
            to: Route { text: text.into(), template: Arc::new(template), ..route.clone() },
        }
    };
    wider.into_iter().map(change).collect()
}

/// The name of a parameter that no other has.
fn free_name(segments: &[Segment]) -> Box<str> {
    let taken = |name: &str| segments.iter().any(|s| matches!(s, Segment::Param(param) if **param == *name));
    let names = std::iter::once("any".to_owned()).chain((2..).map(|number| format!("any{number}")));
    names.into_iter().find(|name| !taken(name)).unwrap_or_default().into()
}

/// Every method that no other route of the same paths answers for.
fn methods(route: &Route, service: &Service) -> Option<Change<Route>> {
    let others = service
        .routes
        .iter()
        .filter(|other| !std::ptr::eq(*other, route) && same_paths(&other.template, &route.template));
    let taken = others.fold(MethodSet::default(), |all, other| all.union(other.methods));
    let free = MethodSet::ANY.iter().filter(|method| !taken.contains(*method));
    let methods = free.fold(route.methods, |all, method| all.union(MethodSet::only(method)));
    if methods == route.methods {
        return None;
    }
    let text = format!("{} {}", words(methods), route.template);
    Some(Change {
        kind: Kind::MethodsWidened,
        span: route.span,
        before: line(&route.text),
        after: Some(line(&text)),
        to: Route { text: text.into(), methods, grpc_only: false, ..route.clone() },
    })
}

/// The words of a route for a set of methods.
fn words(methods: MethodSet) -> String {
    let holds = |word: &str| MethodSet::of_word(word).filter(|set| set.intersection(methods) == *set);
    let (mut said, mut all) = (Vec::new(), MethodSet::default());
    // The broad ones first, so that none is said twice.
    for word in ["ANY", "GET", "POST"].into_iter().chain(Method::ROUTABLE.into_iter().map(Method::word)) {
        if let Some(set) = holds(word).filter(|set| set.intersection(all).is_empty()) {
            said.push(word);
            all = all.union(set);
        }
    }
    said.join(",")
}

fn same_paths(a: &Template, b: &Template) -> bool {
    let same = |(a, b): (&Segment, &Segment)| match (a, b) {
        (Segment::Literal(a), Segment::Literal(b)) => a == b,
        (Segment::Param(_), Segment::Param(_)) => true,
        _ => false,
    };
    a.rest == b.rest && a.segments.len() == b.segments.len() && a.segments.iter().zip(&b.segments).all(same)
}

fn line(text: &str) -> String {
    format!("route: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_methods_have_words() {
        let of = |words: &[&str]| {
            words
                .iter()
                .filter_map(|word| MethodSet::of_word(word))
                .fold(MethodSet::default(), MethodSet::union)
        };
        assert_eq!(words(MethodSet::ANY), "ANY");
        assert_eq!(words(of(&["GET", "PUT"])), "GET,PUT");
        assert_eq!(words(of(&["HEAD", "POST", "DELETE"])), "POST,HEAD,DELETE");
        assert_eq!(words(of(&["GRPC"])), "GRPC");
    }
}
