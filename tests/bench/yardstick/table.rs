//! What is printed: what it was measured on, and a table that goes into the docs as it is.

use std::fs;
use std::path::Path;
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
        let said = Command::new(tool).arg(argument).output().unwrap_or_else(|error| {
            panic!("{tool}: {error} (on Debian and Ubuntu: apt install nghttp2-client wrk)")
        });
        let said = [said.stdout, said.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let numbers = said.split(|c: char| !c.is_ascii_digit() && c != '.');
        let version =
            numbers.into_iter().find(|number| number.split('.').filter(|part| !part.is_empty()).count() == 3);
        let name = Path::new(tool).file_name().unwrap().to_string_lossy();
        text.push_str(&format!(", {name} {}", version.unwrap_or("?")));
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

    /// Nothing where there are no rows.
    pub(crate) fn print(&self) {
        if self.rows.len() == 1 {
            return;
        }
        println!();
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
