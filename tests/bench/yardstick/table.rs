//! What is printed: what it was measured on, and a table that goes into the docs as it is.

use std::fs;
use std::process::Command;
use std::time::Duration;

/// The lines that say on what machine and with what it was measured.
pub(crate) fn heading(tools: &[(&str, &str)]) -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap();
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("?", |(_, name)| name.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    // Without what whoever built it added.
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let mut text = format!(
        "machine: {cores} cores, {model}; Linux {kernel}\nversions: Doorward {}",
        env!("CARGO_PKG_VERSION")
    );
    for (tool, argument) in tools {
        let said =
            Command::new(tool).arg(argument).output().unwrap_or_else(|error| panic!("{tool}: {error}"));
        let said = [said.stdout, said.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let words: Vec<_> = first.split_whitespace().take(2).collect();
        text.push_str(&format!(", {}", words.join(" ")));
    }
    text
}

/// A table in Markdown, its columns as wide as they must be.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells);
    }

    pub(crate) fn print(&self) {
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap())
            .collect();
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            println!("| {} |", cells.join(" | "));
            if number == 0 {
                let lines: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                println!("| {} |", lines.join(" | "));
            }
        }
    }
}

/// In microseconds.
pub(crate) fn micros(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e6)
}

/// In milliseconds.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}

/// The middle of an odd number of values, or the upper of the two.
pub(crate) fn median<T: PartialOrd + Copy>(values: impl IntoIterator<Item = T>) -> T {
    let mut values: Vec<T> = values.into_iter().collect();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    values[values.len() / 2]
}
