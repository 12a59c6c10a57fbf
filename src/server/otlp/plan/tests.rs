#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::config::Config;

/// The codes and messages that `tracing.otlp` with these lines gives.
fn findings(lines: &str, ca: &[u8], env: Environment<'_>) -> (bool, Vec<(Code, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(folder.path().join("ca.pem"), ca).unwrap();
    std::fs::write(&path, format!("tracing:\n  otlp:\n    endpoint: https://c.example:4317\n{lines}"))
        .unwrap();
    let (config, _, mut report) = Config::load(&path, &|_| None);
    let tracing = config.unwrap().tracing.unwrap();
    let plan = prepare(&tracing, folder.path(), env, &mut report);
    let found = report.diagnostics().iter().map(|d| (d.code, d.message.clone())).collect();
    (plan.is_some(), found)
}

#[test]
fn what_can_not_be_used_is_told_before_anything_starts() {
    let none: Environment<'_> = &|_| None;
    assert_eq!(findings("", b"", none), (true, Vec::new()));
    for (lines, ca, code) in [
        ("    ca_file: none.pem\n", &b""[..], Code::Unreadable),
        ("    ca_file: ca.pem\n", b"", Code::BadKey),
        (
            "    ca_file: ca.pem\n",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            Code::BadKey,
        ),
        ("    headers_env: { authorization: TOKEN }\n", b"", Code::BadVariable),
    ] {
        let (fine, found) = findings(lines, ca, none);
        assert_eq!((fine, found.len()), (false, 1), "{lines}: {found:?}");
        assert_eq!(found.first().unwrap().0, code, "{lines}");
    }
}

#[test]
fn a_secret_is_in_no_message_and_in_no_debug_output() {
    for secret in ["", " hidden", "hidden\n", "hid\u{1}den", "hiddén"] {
        let env = |_: &str| Some(secret.to_owned());
        let (fine, found) = findings("    headers_env: { api-key: TOKEN }\n", b"", &env);
        assert_eq!((fine, found.len()), (false, 1), "{secret}");
        assert!(!found.first().unwrap().1.contains("hid"), "{found:?}");
    }
    let mut value = AsciiMetadataValue::from_static("hidden");
    value.set_sensitive(true);
    assert!(!format!("{value:?}").contains("hidden"));
}
