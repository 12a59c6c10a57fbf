//! A strict reader of OpenMetrics text: whatever is not as the format says is a failure.

use std::collections::{BTreeMap, BTreeSet};

/// All numbers of one scrape.
pub(super) struct Numbers {
    /// By name and labels, sorted.
    values: BTreeMap<(String, Vec<(String, String)>), f64>,
    pub(super) families: BTreeSet<String>,
}

impl Numbers {
    /// The number with exactly these labels.
    pub(super) fn of(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut labels: Vec<_> = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        labels.sort();
        self.values.get(&(name.to_owned(), labels)).copied()
    }

    /// How many there are.
    pub(super) fn series(&self) -> usize {
        self.values.len()
    }
}

pub(super) fn read(text: &str) -> Numbers {
    let text = text.strip_suffix("# EOF\n").expect("the last line");
    let mut numbers = Numbers { values: BTreeMap::new(), families: BTreeSet::new() };
    let mut family = (String::new(), String::new());
    let mut help = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').expect("a help").0.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, help, "help and type stand together");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(numbers.families.insert(name.to_owned()), "`{name}` stands twice");
            family = (name.to_owned(), kind.to_owned());
        } else {
            let (name, labels, value) = sample(line);
            let ending = name
                .strip_prefix(family.0.as_str())
                .unwrap_or_else(|| panic!("{line} outside of its family"));
            let fits = match family.1.as_str() {
                "counter" => ending == "_total",
                "gauge" => ending.is_empty(),
                _ => ["_bucket", "_count", "_sum"].contains(&ending),
            };
            assert!(fits, "{line} in a {}", family.1);
            assert!(value >= 0.0, "{line}");
            assert!(numbers.values.insert((name, labels), value).is_none(), "{line} stands twice");
        }
    }
    numbers
}

fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).expect("a value");
    let (name, mut rest) = line.split_at(end);
    assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{line}");
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            assert!(label.chars().all(|c| c.is_ascii_lowercase()), "{line}");
            let mut value = String::new();
            let mut chars = after.char_indices();
            let end = loop {
                match chars.next().expect("an end of the value") {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next().unwrap().1 {
                        'n' => '\n',
                        c @ ('"' | '\\') => c,
                        c => panic!("\\{c} in {line}"),
                    }),
                    (_, c) => value.push(c),
                }
            };
            labels.push((label.to_owned(), value));
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').unwrap_or_else(|| panic!("{line}"));
    }
    labels.sort();
    let value = rest.strip_prefix(' ').unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
    (name.to_owned(), labels, value)
}
