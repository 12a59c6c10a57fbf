//! The matrix as comma-separated values (RFC 4180), safe to open in a spreadsheet.

use super::Matrix;
use crate::review::shown;

impl Matrix<'_> {
    /// Comma-separated values: a line a route.
    pub fn csv(&self) -> String {
        let mut page = String::new();
        let fixed = ["service", "methods", "path", "requires", "conditions", "place"];
        let headings = self.columns.iter().map(|column| column.name);
        line(&mut page, fixed.into_iter().chain(headings));
        for block in &self.blocks {
            for row in &block.rows {
                let conditions: Vec<&str> = row
                    .conditions
                    .iter()
                    .filter_map(|number| self.notes.get(number.checked_sub(1)?))
                    .map(String::as_str)
                    .collect();
                let conditions = conditions.join("; ");
                let fixed = [block.name, row.methods, row.path, &*row.requires, &*conditions, &*row.place];
                let cells = (0..self.columns.len()).map(|column| match row.cell(column).as_str() {
                    "-" => "no",
                    word => word,
                });
                line(&mut page, fixed.into_iter().chain(cells));
            }
        }
        page
    }
}

fn line<'f>(page: &mut String, fields: impl Iterator<Item = &'f str>) {
    for (at, text) in fields.enumerate() {
        if at > 0 {
            page.push(',');
        }
        field(page, text);
    }
    page.push_str("\r\n");
}

/// A field. What a spreadsheet would take for a formula gets an apostrophe in
/// front, which makes it text.
fn field(page: &mut String, text: &str) {
    let text = shown(text);
    let formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains(['"', ',', ';', ' ', '\'']) {
        page.push('"');
        page.push_str(&text.replace('"', "\"\""));
        page.push('"');
    } else {
        page.push_str(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_never_a_formula() {
        for (text, expected) in [
            ("viewer", "viewer"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM", "\"'@SUM\""),
            (" =1", "\"' =1\""),
            ("\t=1", "\\u{9}=1"),
            ("a\r\n=1", "a\\u{d}\\u{a}=1"),
        ] {
            let mut page = String::new();
            field(&mut page, text);
            assert_eq!(page, expected, "{text:?}");
        }
    }
}
