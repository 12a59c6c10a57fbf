//! Every policy that ships compiles without a finding that is an error.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use doorward::compile::load;
use doorward::diag::{Format, render};

#[test]
fn the_reference_policy_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let (index, sources, report) = load(&root);
    let text = render(&report, &sources, Format::Text { color: false });
    assert!(report.is_empty(), "{text}");
    assert!(index.unwrap().routes().count() > 10);
}
