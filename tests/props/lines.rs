//! Lines of the decision log: one each, JSON, and true, whatever a request holds.

use std::net::IpAddr;
use std::time::Duration;

use doorward::config::Config;
use doorward::engine::{Headers, Input, Subject};
use doorward::telemetry::{Batch, Keep, Record, Telemetry};
use doorward::words::Reason;
use proptest::prelude::*;
use serde_json::Value;

use crate::cases;

/// Texts that somebody who wants to be taken for another line would send.
fn nasty() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        proptest::collection::vec(any::<char>(), 0..400).prop_map(String::from_iter),
        prop::sample::select(vec![
            "\"}\n{\"decision\":\"allow\"",
            "\r\n",
            "\u{1b}[2J\u{1b}[31m",
            "\u{2028}\u{2029}",
            "\u{202e}\u{2066}",
            "\\u000a\\",
            "\0\u{7f}\u{85}",
            "\u{feff}\u{200b}\u{e0041}",
            "%0a%1b",
            "é日本𝄞",
        ])
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn telemetry() -> Telemetry {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("doorward.yaml");
    std::fs::write(&path, "decision_log: { allow: 1, claims: all, redact: { claims: [hidden] } }").unwrap();
    Telemetry::new(&Config::load(&path, &|_| None).0.unwrap().decision_log)
}

/// What a text is in a line: its first 256 bytes, whole characters.
fn cut(text: &str) -> &str {
    let end = (0..=text.len().min(256)).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap()).unwrap()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn log_1_a_decision_is_one_line_that_says_what_was_sent(
        texts in proptest::collection::vec(nasty(), 8),
        header in proptest::collection::vec(any::<u8>(), 0..200),
        source in any::<Option<IpAddr>>(),
    ) {
        let telemetry = telemetry();
        let [method, host, path, user, role, claim, name, detail] = texts.as_slice() else { panic!() };
        let pairs = [("x-request-id", header.as_slice()), ("traceparent", header.as_slice())];
        let request = Input {
            method,
            host,
            path,
            source,
            peer: Some(claim),
            headers: Headers::new(&pairs),
            ..Input::default()
        };
        let secret = "a-secret-in-a-claim";
        let claims = serde_json::json!({ "c": claim, "list": [claim], "hidden": { "x": secret } });
        let caller = Subject {
            user: user.clone(),
            claims: claims.as_object().unwrap().clone(),
            ..Subject::default()
        };
        let roles = [role.as_str()];
        telemetry.decided(
            &Record {
                detail: Some(detail),
                service: Some(name),
                route: Some(name),
                caller: Some(&caller),
                roles: &roles,
                request: Some(&request),
                ..Record::bare("00", Reason::Allowed)
            },
            Keep::ALL,
            None,
        );
        let mut batch = Batch::default();
        telemetry.lines().unwrap().take(&mut batch, Duration::ZERO);
        let text = std::str::from_utf8(batch.bytes()).unwrap();
        prop_assert_eq!(text.lines().count(), 1);
        prop_assert!(text.ends_with('\n'));
        let unseen = |c: char| c != '\n' && doorward::words::is_unseen(c);
        prop_assert!(!text.contains(unseen), "{}", text.escape_debug());
        prop_assert!(!text.contains(secret));
        let line: Value = serde_json::from_str(text).unwrap();
        let path = path.split('?').next().unwrap();
        for (field, sent) in
            [("method", method.as_str()), ("host", host), ("path", path), ("user", user), ("peer", claim)]
        {
            prop_assert_eq!(line.get(field).and_then(Value::as_str), Some(cut(sent)));
        }
        let pointers = [("/roles/0", role.as_str()), ("/claims/c", claim), ("/claims/list/0", claim)];
        for (pointer, sent) in pointers {
            prop_assert_eq!(line.pointer(pointer).and_then(Value::as_str), Some(cut(sent)));
        }
        let harmless = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:+/=".contains(b);
        let fine = (1..=128).contains(&header.len()) && header.iter().all(harmless);
        prop_assert_eq!(line.get("request_id").is_some(), fine);
    }
}
