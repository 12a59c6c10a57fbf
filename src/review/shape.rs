//! Regions of paths as people write them: templates.

use std::collections::BTreeSet;

use super::region::Region;
use crate::policy::{Segment, Template};

/// A region as a template, with the names that routes give to what may vary.
pub(super) fn shape(region: &Region, templates: [Option<&Template>; 2]) -> String {
    let mut text = String::new();
    for (depth, piece) in region.pieces.iter().enumerate() {
        if piece.fixed {
            text.push('/');
            text.push_str(piece.values.first().map_or("", String::as_str));
            continue;
        }
        let named = templates.iter().flatten().find_map(|template| match template.segments.get(depth) {
            Some(Segment::Param(name)) => Some(name),
            _ => None,
        });
        let below =
            templates.iter().flatten().any(|template| template.rest && template.segments.len() <= depth);
        match named {
            Some(name) => text.push_str(&format!("/{{{name}}}")),
            None if below => {
                text.push_str("/**");
                return text;
            }
            // Spelled otherwise than a literal, say.
            None => {
                text.push('/');
                text.push_str(piece.values.first().map_or("", String::as_str));
            }
        }
    }
    if text.is_empty() { "/".to_owned() } else { text }
}

/// Shapes without those that others cover: what a more specific route would
/// answer differently is another change.
pub(super) fn joined(shapes: &BTreeSet<String>) -> Vec<String> {
    let parsed: Vec<(&String, Option<Template>)> =
        shapes.iter().map(|shape| (shape, Template::parse(shape).ok())).collect();
    let covers = |other: &Option<Template>, template: &Template| {
        other
            .as_ref()
            .is_some_and(|other| other != template && other.covers(template) && !template.covers(other))
    };
    let is_covered = |template: &Option<Template>| {
        template.as_ref().is_some_and(|template| parsed.iter().any(|(_, other)| covers(other, template)))
    };
    parsed.iter().filter(|(_, template)| !is_covered(template)).map(|(shape, _)| (*shape).clone()).collect()
}
