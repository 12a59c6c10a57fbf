//! The matrix for a terminal.
//!
//! A table that is too wide for it stands in parts, each with the routes again and
//! as many roles as fit.

use std::fmt::Write;

use super::chart::{LEGEND, numbers};
use super::{Block, Matrix};
use crate::review::shown;

/// The least width of a table: narrower ones would hold no role.
pub const NARROWEST: usize = 40;

/// Between two columns.
const GAP: usize = 2;

/// The longest heading of a role; the rest of it is cut.
const HEADING: usize = 24;

impl Matrix<'_> {
    /// Text for a terminal that is so wide.
    pub fn text(&self, width: usize) -> String {
        let mut page = String::new();
        let width = width.max(NARROWEST);
        wrap(&mut page, LEGEND, "", width);
        let headings: Vec<String> = self.columns.iter().map(heading).collect();
        for block in &self.blocks {
            page.push('\n');
            self.block(&mut page, block, &headings, width);
        }
        if !self.notes.is_empty() {
            page.push_str("\nnotes\n");
        }
        for (number, note) in (1..).zip(&self.notes) {
            wrap(&mut page, &format!("{number:>3}  {}", shown(note)), "     ", width);
        }
        let revision: String = self.revision.chars().take(12).collect();
        page.push('\n');
        wrap(&mut page, &format!("{}, revision {revision}", self.sum()), "", width);
        page
    }

    fn block(&self, page: &mut String, block: &Block<'_>, headings: &[String], width: usize) {
        let labels: Vec<String> =
            block.rows.iter().map(|row| format!("{} {}", row.methods, shown(row.path))).collect();
        let longest = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        // Half of the width is for roles; a longer route has a line of its own.
        let label_width = longest.min(width / 2);
        let notes: Vec<String> = block.rows.iter().map(|row| numbers(&row.conditions)).collect();
        let parts = split(headings, width.saturating_sub(label_width + GAP + "notes".len() + GAP));
        for (number, &(from, to)) in parts.iter().enumerate() {
            let mut title = shown(block.name);
            if !block.notes.is_empty() {
                let _ = write!(title, " [{}]", numbers(&block.notes));
            }
            if parts.len() > 1 {
                let _ =
                    write!(title, ", part {} of {}: columns {} to {to}", number + 1, parts.len(), from + 1);
            }
            let _ = writeln!(page, "{}{title}", if number > 0 { "\n" } else { "" });
            let columns = from..to;
            let part: Vec<&String> = headings.iter().take(to).skip(from).collect();
            let cells = |line: &mut String, cell: &dyn Fn(usize) -> String, note: &str| {
                for (column, heading) in columns.clone().zip(&part) {
                    let _ = write!(line, "{:GAP$}{:<w$}", "", cell(column), w = heading.chars().count());
                }
                let _ = write!(line, "{:GAP$}{note}", "");
            };
            let mut line = format!("{:<label_width$}", "");
            let any = notes.iter().any(|note| !note.is_empty());
            cells(
                &mut line,
                &|column| headings.get(column).cloned().unwrap_or_default(),
                if any { "notes" } else { "" },
            );
            let _ = writeln!(page, "{}", line.trim_end());
            for ((row, label), note) in block.rows.iter().zip(&labels).zip(&notes) {
                let mut line = if label.chars().count() > label_width {
                    format!("{label}\n{:<label_width$}", "")
                } else {
                    format!("{label:<label_width$}")
                };
                cells(&mut line, &|column| row.cell(column).as_str().to_owned(), note);
                let _ = writeln!(page, "{}", line.trim_end());
            }
        }
    }
}

fn heading(column: &super::Column<'_>) -> String {
    let mut name = shown(column.name);
    if name.chars().count() > HEADING {
        name = name.chars().take(HEADING - 2).chain("..".chars()).collect();
    }
    if column.notes.is_empty() { name } else { format!("{name}[{}]", numbers(&column.notes)) }
}

/// Which headings stand beside each other in so much room: at least one.
fn split(headings: &[String], room: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let (mut from, mut used) = (0, 0);
    for (at, heading) in headings.iter().enumerate() {
        let needs = heading.chars().count() + GAP;
        if at > from && used + needs > room {
            parts.push((from, at));
            (from, used) = (at, 0);
        }
        used += needs;
    }
    parts.push((from, headings.len()));
    parts
}

/// Words on lines that are no longer than this, where words allow it.
fn wrap(page: &mut String, text: &str, indent: &str, width: usize) {
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            let _ = writeln!(page, "{}", line.trim_end());
            line = indent.to_owned();
            line.push_str(word);
        } else {
            if !line.is_empty() || word.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    let _ = writeln!(page, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_heading_stands_in_one_part() {
        let headings: Vec<String> = (1..40).map(|n| "x".repeat(n)).collect();
        for room in [0, 1, 10, 41, 80, 10_000] {
            let parts = split(&headings, room);
            let all: Vec<usize> = parts.iter().flat_map(|(from, to)| *from..*to).collect();
            assert_eq!(all, (0..headings.len()).collect::<Vec<_>>(), "{room}");
            for (from, to) in parts.into_iter().filter(|(from, to)| to - from > 1) {
                let used: usize = (from..to).map(|n| n + 1 + GAP).sum();
                assert!(used <= room, "{room}");
            }
        }
    }
}
