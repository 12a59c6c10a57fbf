//! The examples, through a real Envoy: what their READMEs say of each request comes to pass, with real
//! tokens, at the service behind it.

use doorward::engine::Reason;
use serde_json::json;

use crate::readme::{Example, Row, names};
use crate::support::{Answer, Stage};

#[test]
fn multi_tenant() {
    walk("multi-tenant");
}

#[test]
fn ownership() {
    walk("ownership");
}

#[test]
fn oauth_client() {
    walk("oauth-client");
}

#[test]
fn admin_portal() {
    walk("admin-portal");
}

#[test]
fn service_to_service() {
    walk("service-to-service");
}

#[test]
fn venues() {
    walk("venues");
}

#[test]
fn office_hours() {
    walk("office-hours");
}

#[test]
fn people_api() {
    let stage = walk("people-api");
    let large = format!(r#"{{"firstname": "Charlie", "about": "{}"}}"#, "x".repeat(9000));
    let send = |method, path| {
        let bob = stage.token(&json!({ "sub": "bob", "firstname": "Bob", "roles": ["admin"] }));
        stage.mesh.stack.request(method, path).token(&bob).json(&large).send()
    };
    send("POST", "/people").refused_by_envoy(413);
    send("PUT", "/photos/7").allowed("events");
}

#[test]
fn none_is_forgotten() {
    let this = include_str!("examples.rs");
    for name in names() {
        assert!(this.contains(&format!("walk(\"{name}\")")), "no test walks {name}");
    }
}

/// Sends every request of an example's table that does not hang on the time of day.
fn walk(name: &str) -> Stage {
    let example = Example::read(name);
    let stage = Stage::start(&example);
    let mut sent = 0;
    for row in example.rows.iter().filter(|row| row.at.is_none()) {
        let claims = example.callers[&row.who].claims.as_ref();
        hold(row, &stage.send(row, claims));
        sent += 1;
    }
    assert!(sent > 4, "{name}: {sent} requests sent");
    stage
}

#[expect(clippy::print_stdout, reason = "which row it was is shown where a test fails")]
fn hold(row: &Row, answer: &Answer) {
    println!("{}", row.place);
    if row.decision == "allow" {
        let side = answer.allowed("events");
        assert_eq!((side.text("method"), side.text("path")), (&*row.method, &*row.path));
        row.told.iter().for_each(|(name, value)| side.told(name, value));
        row.not_told.iter().for_each(|name| side.not_told(name));
    } else {
        let reason = Reason::ALL.iter().find(|reason| reason.as_str() == row.decision);
        let reason = reason.unwrap_or_else(|| panic!("{}: no reason `{}`", row.place, row.decision));
        answer.refused(reason.status(), reason.public_word());
    }
}
