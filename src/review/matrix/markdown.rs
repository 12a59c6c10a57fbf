//! The matrix for a pull request or a page of a wiki.

use std::fmt::Write;

use super::Matrix;
use super::chart::{LEGEND, numbers};
use crate::review::{markup, shown};

/// So many columns stand in one table.
const COLUMNS: usize = 12;

impl Matrix<'_> {
    /// Markdown (GitHub's tables). More than twelve columns stand in several tables.
    pub fn markdown(&self) -> String {
        let mut page = format!("{LEGEND}\n");
        for block in &self.blocks {
            let _ = writeln!(page, "\n### {}{}", markup(block.name), marks(&block.notes));
            for (part, from) in self.columns.chunks(COLUMNS).zip((0..).step_by(COLUMNS)) {
                page.push_str("\n| route |");
                part.iter().for_each(|column| {
                    let _ = write!(page, " {}{} |", markup(column.name), marks(&column.notes));
                });
                page.push_str("\n|---|");
                part.iter().for_each(|_| page.push_str("---|"));
                page.push('\n');
                for row in &block.rows {
                    let _ = write!(
                        page,
                        "| {} {}{} |",
                        markup(row.methods),
                        code(row.path),
                        marks(&row.conditions)
                    );
                    for column in from..from + part.len() {
                        let _ = write!(page, " {} |", row.cell(column).as_str());
                    }
                    page.push('\n');
                }
            }
        }
        if !self.notes.is_empty() {
            page.push('\n');
        }
        for (number, note) in (1..).zip(&self.notes) {
            let _ = writeln!(page, "{number}. {}", markup(note));
        }
        let revision: String = self.revision.chars().take(12).collect();
        let _ = writeln!(page, "\n{}, revision {revision}", self.sum());
        page
    }
}

fn marks(notes: &[usize]) -> String {
    if notes.is_empty() { String::new() } else { format!(" <sup>{}</sup>", numbers(notes)) }
}

/// A path. No template holds a backtick or a `|`.
fn code(path: &str) -> String {
    let path = shown(path);
    if path.contains(['`', '|']) { markup(&path) } else { format!("`{path}`") }
}
