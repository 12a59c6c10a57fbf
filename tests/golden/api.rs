//! Descriptions of APIs beside a policy, and as a policy: a case has a file
//! `api.yaml`, `api.json` or `api.binpb`, and a directory `policies` with one
//! service.

use std::fs;
use std::path::Path;

use doorward::api::{Against, compare, read, skeleton};
use doorward::compile::{Around, load_to_lint};
use doorward::diag::{Format, Report, Sources, render};
use doorward::policy::read_texts;

use crate::walk::walk;

fn api(case: &Path) -> String {
    let file = ["api.yaml", "api.json", "api.binpb"].map(|name| case.join(name));
    let file = file.iter().find(|file| file.exists()).unwrap();
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let name = file.file_name().unwrap().to_str().unwrap();
    let api = read(name, fs::read(file).unwrap(), &mut sources, &mut report);
    let linted = load_to_lint(&case.join("policies"), 0, Around::default());
    let (policy, index) = (linted.policy.unwrap(), linted.index.unwrap());
    let place = report.adopt_and_place(&mut sources, (Report::default(), linted.sources), Path::new(""));
    let mut text = String::new();
    if let Some(api) = api {
        let (service, (id, _)) = policy.services.iter().zip(index.services()).next().unwrap();
        let against = Against { service, index: &index, id, place: &place };
        compare(std::slice::from_ref(&api), against, &mut report);
        text = format!("---\n{}", skeleton(&api, "shop"));
        must_compile(&text);
    }
    report.sort(&sources);
    render(&report, &sources, Format::Text { color: false }) + &text
}

fn must_compile(text: &str) {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let policy = read_texts([("shop.yaml".to_owned(), text.to_owned())], &mut sources, &mut report);
    let index = policy.and_then(|policy| doorward::compile::compile(&policy, &sources, &mut report));
    assert!(index.is_some(), "{text}\n{}", render(&report, &sources, Format::Short));
}

#[test]
fn what_differs_from_an_api_reads_as_written() {
    walk("api", api);
}
