//! About which requests an invariant speaks.

use crate::compile::{Service, disguised};
use crate::policy::invariant::{Invariant, Line, Says};
use crate::policy::{Method, RequestPath, Segment, Template};

/// How a service and an invariant read the paths of its templates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Without regard to ASCII case, as the service does.
    fold: bool,
    /// A literal is meant in every spelling: what must not be reached must not
    /// be reached by an escape either.
    loosely: bool,
}

impl Reading {
    pub(super) fn new(service: &Service, invariant: &Invariant) -> Self {
        let loosely = !matches!(invariant.says.value, Says::Always(_));
        Self { fold: service.trie.folds(), loosely }
    }

    /// Whether an invariant is about this method and path.
    pub(super) fn is_about(self, invariant: &Invariant, method: Method, path: &RequestPath<'_>) -> bool {
        let names = |line: &Line| line.methods.contains(method);
        // What is left out is left out as it is written, and in no other spelling.
        let exactly = Self { loosely: false, ..self };
        invariant.requests.iter().any(|line| names(line) && self.matches(&line.template, path))
            && !invariant.except.iter().any(|line| names(line) && exactly.matches(&line.template, path))
    }

    fn matches(self, template: &Template, path: &RequestPath<'_>) -> bool {
        let Template { segments, rest } = template;
        let long_enough = path.len() >= segments.len();
        long_enough
            && (*rest || path.len() == segments.len())
            && segments.iter().zip(path.segments()).all(|(segment, text)| match segment {
                Segment::Param(_) => true,
                Segment::Literal(literal) => {
                    self.same(literal, text)
                        || (self.loosely && disguised(text).is_some_and(|plain| self.same(literal, &plain)))
                }
            })
    }

    fn same(self, one: &str, other: &str) -> bool {
        one == other || (self.fold && one.eq_ignore_ascii_case(other))
    }

    /// Whether a line is a route, but for the names of its parameters.
    pub(super) fn is_route(self, line: &Line, route: &Template) -> bool {
        let Template { segments, rest } = &line.template;
        *rest == route.rest
            && segments.len() == route.segments.len()
            && segments.iter().zip(&route.segments).all(|pair| match pair {
                (Segment::Param(_), Segment::Param(_)) => true,
                (Segment::Literal(one), Segment::Literal(other)) => self.same(one, other),
                _ => false,
            })
    }
}

/// Whether some path could spell these lines otherwise and still be read: by an
/// escape, or by what only some services make sense of.
pub(super) fn has_spellings(service: &Service, invariant: &Invariant) -> bool {
    let odd = |segment: &Segment| match segment {
        Segment::Literal(text) => text.contains(|c: char| !c.is_ascii_alphanumeric() && !"-_.~".contains(c)),
        Segment::Param(_) => false,
    };
    service.encoded_slash
        || service.path_parameters
        || invariant
            .requests
            .iter()
            .chain(&invariant.except)
            .any(|line| line.template.segments.iter().any(odd))
}
