//! The matrix as one page for a browser, which needs nothing but itself.
//!
//! The policy's words are data in it and never markup: they stand in JSON that holds
//! no `<`, and the script puts them into the page as text. The page may load
//! nothing and run nothing but its own script and style, whose hashes it names.

use serde::Serialize;

use super::{Cell, Matrix, Row};
use crate::review::shown;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// SHA-256 of the two, in base64. A test compares.
const STYLE_HASH: &str = "zKvfp6fsmC1aXV/VTe27RXdtCY0vuln0bjO9iELhwU8=";
const SCRIPT_HASH: &str = "SMym8E9IVyTuvYhZoXba7fC6nMMx/J6aaxVJsTCTiB0=";

#[derive(Serialize)]
struct Data<'a> {
    sum: String,
    columns: Vec<DataColumn<'a>>,
    services: Vec<DataService<'a>>,
    /// Which columns may, four to a hexadecimal digit, the first one lowest; each
    /// pattern once, because few are many times there.
    patterns: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct DataColumn<'a> {
    name: String,
    notes: &'a [usize],
}

#[derive(Serialize)]
struct DataService<'a> {
    name: String,
    notes: &'a [usize],
    routes: Vec<DataRoute<'a>>,
}

/// Methods, path, place, what is required, notes, number of the pattern, and 1 where it is
/// `if` and not `yes`.
#[derive(Serialize)]
struct DataRoute<'a>(&'a str, String, &'a str, &'a str, &'a [usize], usize, u8);

impl Matrix<'_> {
    /// One self-contained page.
    pub fn html(&self) -> String {
        let mut patterns = Patterns::default();
        let services = self.blocks.iter().map(|block| DataService {
            name: shown(block.name),
            notes: &block.notes,
            routes: block
                .rows
                .iter()
                .map(|row| {
                    let pattern = patterns.number(pattern(row, self.columns.len()));
                    DataRoute(
                        row.methods,
                        shown(row.path),
                        &row.place,
                        &row.requires,
                        &row.conditions,
                        pattern,
                        row.conditional.into(),
                    )
                })
                .collect(),
        });
        let services = services.collect();
        let columns = self.columns.iter();
        let revision: String = self.revision.chars().take(12).collect();
        let data = Data {
            sum: format!("{}, revision {revision}", self.sum()),
            columns: columns.map(|c| DataColumn { name: shown(c.name), notes: &c.notes }).collect(),
            services,
            patterns: patterns.texts,
            notes: self.notes.iter().map(|note| shown(note)).collect(),
        };
        // Texts, numbers and lists always serialise. No markup begins without a `<`.
        let data = serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c");
        format!(
            r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{STYLE_HASH}'; script-src 'sha256-{SCRIPT_HASH}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Who may call what</title>
<style>{STYLE}</style>
</head>
<body>
{BODY}
<script type="application/json" id="data">{data}</script>
<script>{SCRIPT}</script>
</body>
</html>
"#
        )
    }
}

const BODY: &str = r#"<header>
<h1>Who may call what</h1><span id="sum"></span>
<form id="filters" role="search">
<label>Find <input id="text" type="search" placeholder="path, method, code, place ( / )" autocomplete="off"></label>
<label>Service <select id="service"><option value="">all</option></select></label>
<label>Roles <input id="role" type="search" list="roles" placeholder="viewer, admin" autocomplete="off"></label>
<datalist id="roles"></datalist>
<label>Show <select id="result">
<option value="all">every route</option>
<option value="some">what some may call</option>
<option value="none">what none may call</option>
<option value="if">what has conditions</option>
<option value="public">what anybody may call without a token</option>
<option value="differ">where the roles differ</option>
</select></label>
<button id="fold" type="button">Open or close all</button>
<output id="count" for="text service role result"></output>
</form>
<p class="legend"><span><b class="yes">●</b> may call</span><span><b class="if">◐</b> may call under the noted conditions</span><span><b>·</b> may not</span><span>for somebody who holds this one role and what it inherits; several roles may do more, and less where one denies</span></p>
</header>
<div id="grid" role="grid" tabindex="0" aria-label="Roles by routes"><div id="canvas"><div id="head" class="head" role="row" aria-rowindex="1"><div class="corner" role="columnheader">route</div></div><div id="rows" role="rowgroup"></div></div></div>
<div id="about" aria-live="polite"></div>
<div id="print"></div>
<noscript><p>This page needs its script. Without one: <code>doorward matrix --format markdown</code></p></noscript>"#;

#[derive(Default)]
struct Patterns {
    texts: Vec<String>,
    numbers: std::collections::HashMap<String, usize>,
}

impl Patterns {
    fn number(&mut self, pattern: String) -> usize {
        *self.numbers.entry(pattern).or_insert_with_key(|pattern| {
            self.texts.push(pattern.clone());
            self.texts.len() - 1
        })
    }
}

fn pattern(row: &Row<'_>, columns: usize) -> String {
    let digit = |first: usize| {
        let bits = (0..4).filter(|bit| first + bit < columns && row.cell(first + bit) != Cell::No);
        let value = bits.fold(0, |value, bit| value | (1 << bit));
        char::from_digit(value, 16).unwrap_or('0')
    };
    (0..columns).step_by(4).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl dgst -sha256 -binary | base64` says it.
    fn hash(text: &str) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let letters = digest.as_ref().chunks(3).flat_map(|three| {
            let bits = three.iter().fold(0usize, |bits, byte| bits << 8 | usize::from(*byte))
                << (8 * (3 - three.len()));
            let letter =
                move |at: usize| char::from(*LETTERS.get(bits >> (18 - 6 * at) & 63).unwrap_or(&b'='));
            (0..4).map(move |at| if at > three.len() { '=' } else { letter(at) })
        });
        letters.collect()
    }

    #[test]
    fn the_page_runs_its_own_script_and_style_alone() {
        assert_eq!(STYLE_HASH, hash(STYLE), "the style changed: write this hash");
        assert_eq!(SCRIPT_HASH, hash(SCRIPT), "the script changed: write this hash");
        for text in [STYLE, SCRIPT, BODY] {
            for foreign in
                ["http:", "https:", "//cdn", "@import", "url(", "innerHTML", "document.write", "eval("]
            {
                assert!(!text.contains(foreign), "{foreign}");
            }
        }
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
    }
}
