//! Texts in CEL, each compiled once, however often it is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::expression::{Expression, Mistake, with_deep_stack};
use crate::diag::{Code, Diagnostic, Report, Sources};
use crate::yaml::KeptText;

/// Expressions by their texts, compiled or not.
pub(super) struct Texts<'t> {
    compiled: BTreeMap<&'t str, Result<Arc<Expression>, Vec<Mistake>>>,
    /// What mistakes are told as.
    code: Code,
}

impl<'t> Texts<'t> {
    /// Compiles them.
    pub(super) fn compile(
        texts: impl Iterator<Item = &'t str>,
        code: Code,
        compile: fn(&str) -> Result<Expression, Vec<Mistake>>,
    ) -> Self {
        let texts: BTreeSet<&str> = texts.collect();
        if texts.is_empty() {
            return Self { compiled: BTreeMap::new(), code };
        }
        let one = |text: &&'t str| (*text, compile(text).map(Arc::new));
        // No thread: no expression, and no policy or configuration that has one.
        let compiled = with_deep_stack(|| texts.iter().map(one).collect());
        Self { compiled: compiled.unwrap_or_default(), code }
    }

    /// Those that compiled.
    pub(super) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.compiled.values().filter_map(|compiled| compiled.as_deref().ok())
    }

    /// One of them, and where it is written, if anybody wrote it; `None` after a
    /// mistake, which the report tells.
    pub(super) fn get(
        &self,
        text: &str,
        written: Option<&KeptText>,
        sources: &Sources,
        report: &mut Report,
    ) -> Option<Arc<Expression>> {
        match (self.compiled.get(text), written) {
            (Some(Ok(expression)), _) => return Some(Arc::clone(expression)),
            (Some(Err(mistakes)), Some(written)) => {
                let place = |from, to| written.part(sources, from, to);
                mistakes.iter().for_each(|mistake| report.push(mistake.finding(self.code, place)));
            }
            (_, written) => {
                let message = format!("`{text}` can't be compiled: no thread could be had for it");
                report.push(match written {
                    Some(written) => Diagnostic::at(self.code, written.span, message),
                    None => Diagnostic::nowhere(self.code, message),
                });
            }
        }
        None
    }
}
