//! The matrix for programs.

use serde::Serialize;

use super::{Cell, Matrix};

#[derive(Serialize)]
struct Told<'a> {
    revision: &'a str,
    columns: Vec<ToldColumn<'a>>,
    services: Vec<ToldService<'a>>,
}

#[derive(Serialize)]
struct ToldColumn<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a str>,
}

#[derive(Serialize)]
struct ToldService<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a str>,
    routes: Vec<ToldRoute<'a>>,
}

#[derive(Serialize)]
struct ToldRoute<'a> {
    methods: &'a str,
    path: &'a str,
    place: &'a str,
    requires: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conditions: Vec<&'a str>,
    /// The columns that may, by name.
    allowed: Vec<&'a str>,
}

impl Matrix<'_> {
    /// One JSON object. Who may call a route is told by name: `conditions` hold
    /// for all of them alike.
    pub fn json(&self) -> String {
        let notes = |numbers: &[usize]| {
            let texts = numbers.iter().filter_map(|number| self.notes.get(number.checked_sub(1)?));
            texts.map(String::as_str).collect::<Vec<_>>()
        };
        let columns =
            self.columns.iter().map(|column| ToldColumn { name: column.name, notes: notes(&column.notes) });
        let services = self.blocks.iter().map(|block| ToldService {
            name: block.name,
            notes: notes(&block.notes),
            routes: block
                .rows
                .iter()
                .map(|row| ToldRoute {
                    methods: row.methods,
                    path: row.path,
                    place: &row.place,
                    requires: &row.requires,
                    conditions: notes(&row.conditions),
                    allowed: (0..)
                        .zip(&self.columns)
                        .filter(|(at, _)| row.cell(*at) != Cell::No)
                        .map(|(_, column)| column.name)
                        .collect(),
                })
                .collect(),
        });
        let told = Told { revision: self.revision, columns: columns.collect(), services: services.collect() };
        // Texts and lists always serialise.
        let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
        text.push('\n');
        text
    }
}
