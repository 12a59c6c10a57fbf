//! The matrix for a pull request or a page of a wiki.

use std::fmt::Write;

use super::Matrix;
use super::chart::{LEGEND, numbers};
use crate::review::shown;

/// So many columns stand in one table.
const COLUMNS: usize = 12;

impl Matrix<'_> {
    /// Markdown (GitHub's tables). More than twelve columns stand in several tables.
    pub fn markdown(&self) -> String {
        let mut page = format!("{LEGEND}\n");
        for block in &self.blocks {
            let _ = writeln!(page, "\n### {}{}", text(block.name), marks(&block.notes));
            for (part, from) in self.columns.chunks(COLUMNS).zip((0..).step_by(COLUMNS)) {
                page.push_str("\n| route |");
                part.iter().for_each(|column| {
                    let _ = write!(page, " {}{} |", text(column.name), marks(&column.notes));
                });
                page.push_str("\n|---|");
                part.iter().for_each(|_| page.push_str("---|"));
                page.push('\n');
                for row in &block.rows {
                    let _ = write!(
                        page,
                        "| {} {}{} |",
                        text(row.methods),
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
            let _ = writeln!(page, "{number}. {}", text(note));
        }
        let revision: String = self.revision.chars().take(12).collect();
        let _ = writeln!(page, "\n{}, revision {revision}", self.sum());
        page
    }
}

fn marks(notes: &[usize]) -> String {
    if notes.is_empty() { String::new() } else { format!(" <sup>{}</sup>", numbers(notes)) }
}

/// Words that are no markup, whatever is in them.
fn text(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in shown(words).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // A mention would call somebody, a number would point at an issue.
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    // What looks like the beginning of an address is made into a link.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A path. No template holds a backtick or a `|`.
fn code(path: &str) -> String {
    let path = shown(path);
    if path.contains(['`', '|']) { text(&path) } else { format!("`{path}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_no_markup() {
        assert_eq!(text("a_b|c `x` <img>"), "a\\_b\\|c \\`x\\` &lt;img&gt;");
        assert_eq!(
            text("@team #12 [x](https://e.test)"),
            "&#64;team &#35;12 \\[x\\]\\(https&#58;//e.test\\)"
        );
        assert_eq!(text("a\n\n# b"), "a\\\\u\\{a\\}\\\\u\\{a\\}&#35; b");
        assert_eq!(code("/a/{id}"), "`/a/{id}`");
        assert_eq!(code("/a`|"), "/a\\`\\|");
    }
}
