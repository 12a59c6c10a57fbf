//! Whatever stands in a policy file: it is a policy, or there is a finding,
//! and every finding can be printed.

use std::fs;
use std::path::Path;

use doorward::compile::compile;
use doorward::diag::{Format, Report, Sources, render};
use doorward::policy::read_texts;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any::nasty;
use crate::cases;

/// A well-formed policy that uses every key.
fn whole() -> String {
    let folder = Path::new("tests/golden/policy/complete");
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    read("roles.yaml") + &read("services/shop.yml")
}

fn look(text: &str) -> Result<(), TestCaseError> {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("policy.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    prop_assert!(policy.is_some() || report.has_errors());
    let index = policy.and_then(|policy| compile(&policy, &sources, &mut report));
    prop_assert_eq!(index.is_some(), !report.has_errors());
    report.sort(&sources);
    let (errors, warnings) = report.counts();
    for format in [
        Format::Text { color: false },
        Format::Text { color: true },
        Format::Short,
        Format::Json,
        Format::Sarif,
    ] {
        let printed = render(&report, &sources, format);
        prop_assert!(printed.is_empty() <= (errors + warnings == 0));
        // What is printed can't steer a terminal, but for our own colours.
        let bare = printed.replace("\u{1b}[", "");
        let data = matches!(format, Format::Json | Format::Sarif);
        prop_assert!(data || !bare.contains(|c: char| c.is_control() && c != '\n'), "{:?}", bare);
    }
    Ok(())
}

#[derive(Debug, Clone)]
enum Change {
    Cut(prop::sample::Index, usize),
    Insert(prop::sample::Index, String),
    SwapLines(prop::sample::Index, prop::sample::Index),
    Repeat(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let word = select(vec![
        "&a ",
        "*a",
        "<<: *a",
        "!!str ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\t",
        "- ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        "\"",
        "'",
        "|\n",
        ">",
        "~",
        "null",
        "no",
        "012",
        "#",
        "\u{feff}",
        "\u{0}",
        "\u{202e}",
        "\u{200b}",
        "é",
        "\r\n",
        "\r",
        "? ",
        "roles",
        "routes",
        "*",
        "/**",
        "{id}",
        "GET ",
        ",",
        "\n",
        "    ",
        "\u{85}",
        "\u{2028}",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), 1..40usize).prop_map(|(at, len)| Change::Cut(at, len)),
        (any::<prop::sample::Index>(), prop_oneof![3 => word.prop_map(str::to_owned), 1 => nasty()])
            .prop_map(|(at, text)| Change::Insert(at, text)),
        any::<(prop::sample::Index, prop::sample::Index)>().prop_map(|(a, b)| Change::SwapLines(a, b)),
        any::<prop::sample::Index>().prop_map(Change::Repeat),
    ]
}

fn apply(text: &str, change: &Change) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if chars.is_empty() || lines.is_empty() {
        return text.to_owned();
    }
    match change {
        Change::Cut(at, len) => {
            let at = at.index(chars.len());
            chars.iter().take(at).chain(chars.iter().skip(at + len)).collect()
        }
        Change::Insert(at, new) => {
            let at = at.index(chars.len());
            chars.iter().take(at).copied().chain(new.chars()).chain(chars.iter().skip(at).copied()).collect()
        }
        Change::SwapLines(a, b) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
            lines.concat()
        }
        Change::Repeat(at) => {
            let at = at.index(lines.len());
            let (before, after) = lines.split_at(at);
            [before, after.get(..1).unwrap(), after].concat().concat()
        }
    }
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn any_text_is_a_policy_or_a_finding(text in prop_oneof![any::<String>(), nasty()]) {
        look(&text)?;
    }

    #[test]
    fn a_policy_changed_at_will_is_a_policy_or_a_finding(
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        let text = changes.iter().fold(whole(), |text, change| apply(&text, change));
        look(&text)?;
    }
}
