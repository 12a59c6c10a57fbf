//! Conditions that name what is refused, where they should name what is allowed.

use std::collections::{HashMap, HashSet};

use super::Look;
use super::usage::levels;
use crate::compile::expression::Expression;
use crate::compile::index::Rule;
use crate::diag::{Code as Diag, Diagnostic, Report};

/// Tells of conditions that hold for every `request.path` but some.
pub(super) fn inspect(look: Look<'_>, report: &mut Report) {
    let compiled = look.index.routes().filter_map(|(_, route)| match &route.rule {
        Rule::Needs { when: Some(when), .. } => Some(&*when.expression),
        _ => None,
    });
    let compiled: HashMap<&str, &Expression> = compiled.map(|when| (when.text(), when)).collect();
    let mut told = HashSet::new();
    for when in levels(look.policy).filter_map(|level| level.when.as_ref()) {
        let Some(expression) = compiled.get(when.value.text.as_str()) else { continue };
        for (from, to) in expression.refused_paths() {
            let place = when.value.part(look.sources, *from, *to);
            if told.insert(place) {
                report.push(
                    Diagnostic::at(Diag::RefusedPath, place, "this holds for every path but the ones it names")
                        .label("every other spelling passes")
                        .help("write a route with `access: denied` for the paths that are not meant: routes know all spellings of a path, a comparison knows one"),
                );
            }
        }
    }
}
