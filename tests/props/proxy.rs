//! Whatever stands in a configuration of Envoy: it is looked at, or there is an
//! error, and nothing panics.

use std::fs;

use doorward::diag::{Format, Report, Sources, render};
use doorward::proxy::{Managed, inspect};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::cases;

fn look(text: &str) -> Result<(), TestCaseError> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let file = sources.add("envoy.yaml", text);
    let seen = inspect(file, text, &Managed::default(), &[], &mut report);
    prop_assert!(seen.is_some() || report.has_errors());
    report.sort(&sources);
    for format in [Format::Text { color: false }, Format::Json] {
        let printed = render(&report, &sources, format);
        prop_assert!(!printed.is_empty() || report.is_empty());
    }
    Ok(())
}

/// What may stand where something else is expected.
fn value() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "null",
        "~",
        "[]",
        "{}",
        "3",
        "-1",
        "1e999",
        "true",
        "\"true\"",
        "yes",
        "[1, [2]]",
        "{ a: b }",
        "*x",
        "&x []",
        "!ignore a",
        "\u{feff}",
        "\"\\u0000\"",
        "0s",
        "{ seconds: x }",
        "{ \"@type\": 3 }",
        "{ \"@type\": type.googleapis.com/xds.type.v3.TypedStruct, type_url: a.HttpConnectionManager }",
        "{ prefix: \"\" }",
        "{ regex: \"(\" }",
        "{ regex: \"(a{999}){999}\" }",
    ])
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_value_may_be_any_other(changes in prop::collection::vec((any::<Index>(), value()), 1..6)) {
        let mut lines: Vec<String> =
            fs::read_to_string("tests/golden/envoy/clean/envoy.yaml").unwrap().lines().map(str::to_owned).collect();
        for (at, value) in changes {
            let line = at.get(&lines).clone();
            let Some((key, _)) = line.split_once(": ") else { continue };
            let number = at.index(lines.len());
            *lines.get_mut(number).unwrap() = format!("{key}: {value}");
        }
        look(&lines.join("\n"))?;
    }

    #[test]
    fn a_part_of_a_file_is_no_harm(cut in any::<Index>(), rest in any::<Index>()) {
        let text = fs::read_to_string("tests/golden/envoy/config-dump/envoy.json").unwrap();
        let (from, to) = (cut.index(text.len()), rest.index(text.len()));
        let (before, after) = (text.split_at(from).0, text.split_at(to).1);
        look(before)?;
        look(&format!("{before}{after}"))?;
    }

    #[test]
    fn any_text_is_no_harm(text in "\\PC{0,200}") {
        look(&text)?;
    }
}
