//! The examples, offline: what their READMEs say of each request, `doorward check` says too.

use serde_json::Value;

use crate::readme::{Caller, Example, Row, names};
use crate::support::Doorward;

#[test]
fn every_request_is_decided_as_its_readme_says() {
    let mut wrong = Vec::new();
    for example in names().iter().map(|name| Example::read(name)) {
        for row in &example.rows {
            let told = check(&example, row);
            let reason = if told["decision"] == "allow" { "allow" } else { told["reason"].as_str().unwrap() };
            if reason != row.decision {
                wrong.push(format!("{}: {reason}\n{told:#}", row.place));
            }
            let headers = &told["headers"];
            for (name, value) in &row.told {
                if headers["set"][name] != **value {
                    wrong.push(format!("{}: {name} is not {value}: {headers}", row.place));
                }
            }
            for name in &row.not_told {
                if !headers["remove"].as_array().unwrap().iter().any(|removed| *removed == **name) {
                    wrong.push(format!("{}: {name} is not removed: {headers}", row.place));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(example: &Example, row: &Row) -> Value {
    let Caller { claims, peer } = &example.callers[&row.who];
    let claims = claims.as_ref().map(Value::to_string);
    let options = [
        ("--claims", &claims),
        ("--peer", peer),
        ("--source-ip", &row.source),
        ("--at", &row.at),
        ("--body", &row.body),
    ];
    let mut args = vec!["check", &row.method, &row.path, "--format", "json"];
    for (name, value) in options {
        args.extend(value.iter().flat_map(|value| [name, value]));
    }
    let said = Doorward::new(args).within(&example.folder).run();
    serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}: {}", row.place, said.err))
}

#[test]
fn none_has_a_finding() {
    for name in names() {
        let folder = Example::read(&name).folder;
        // A day that the bindings of examples were written for: what expires is a warning.
        let args = ["lint", "--skip-keys", "--deny-warnings", "--at", "2027-01-15T00:00:00Z"];
        let said = Doorward::new(args).within(&folder).run();
        assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
    }
}

#[test]
fn the_index_names_every_one() {
    let root = crate::support::root();
    let index = std::fs::read_to_string(root.join("examples/README.md")).unwrap();
    for name in names() {
        assert!(index.contains(&format!("({name}/README.md)")), "{name} is not in examples/README.md");
        for file in ["doorward.yaml", "policies"] {
            assert!(root.join("examples").join(&name).join(file).exists(), "{name} has no {file}");
        }
    }
}
