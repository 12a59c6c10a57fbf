//! The reference policy, as it is shipped, over every protocol.

use crate::support::{Call, Stack, grpc};

/// Method, path, roles (none: no token), status, reason.
type Row = (&'static str, &'static str, Option<&'static [&'static str]>, u16, &'static str);

const VIEWER: Option<&[&str]> = Some(&["viewer"]);
const ORGANIZER: Option<&[&str]> = Some(&["organizer"]);
const MANAGER: Option<&[&str]> = Some(&["manager"]);
const ADMIN: Option<&[&str]> = Some(&["admin"]);
const NOBODY: Option<&[&str]> = Some(&[]);

const ROWS: &[Row] = &[
    ("GET", "/events/health", None, 200, ""),
    ("GET", "/venues/health", None, 200, ""),
    ("GET", "/events", None, 401, "token_missing"),
    ("GET", "/events/feed", None, 401, "token_missing"),
    ("GET", "/events/feed", NOBODY, 200, ""),
    ("GET", "/events", NOBODY, 403, "code_missing"),
    ("GET", "/events", VIEWER, 200, ""),
    ("GET", "/events/", VIEWER, 200, ""),
    ("GET", "/events?all=1", VIEWER, 200, ""),
    ("HEAD", "/events/e-1", VIEWER, 200, ""),
    ("POST", "/events", VIEWER, 403, "code_missing"),
    ("POST", "/events", ORGANIZER, 200, ""),
    ("PATCH", "/events/e-1", ORGANIZER, 200, ""),
    ("DELETE", "/events/e-1", ORGANIZER, 403, "role_missing"),
    ("DELETE", "/events/e-1", ADMIN, 200, ""),
    ("POST", "/events/e-1/publish", ORGANIZER, 403, "code_missing"),
    ("POST", "/events/e-1/publish", MANAGER, 403, "role_missing"),
    ("POST", "/events/e-1/publish", ADMIN, 200, ""),
    ("GET", "/events/e-1/audit", ADMIN, 403, "code_missing"),
    ("GET", "/events/e-1/audit", Some(&["auditor"]), 200, ""),
    ("GET", "/events/e-1/audit", Some(&["admin", "auditor"]), 403, "code_missing"),
    ("GET", "/events/internal", ADMIN, 403, "route_denied"),
    ("GET", "/events/internal/a/b", ADMIN, 403, "route_denied"),
    ("GET", "/events/report", ADMIN, 403, "ip_denied"),
    ("GET", "/events/e-1/secrets", ADMIN, 404, "route_unknown"),
    ("GET", "/billing", ADMIN, 404, "service_unknown"),
    ("DELETE", "/events", ADMIN, 405, "method_not_allowed"),
    ("GET", "/events", Some(&["superuser"]), 403, "code_missing"),
    ("GET", "/venues/v-1", VIEWER, 200, ""),
    ("GET", "/venues/v-1/seats/row/7", VIEWER, 200, ""),
    ("PUT", "/venues/v-1", VIEWER, 403, "code_missing"),
    ("PUT", "/venues/v-1", MANAGER, 200, ""),
    ("DELETE", "/venues/v-1", MANAGER, 200, ""),
    ("POST", "/venues/import", MANAGER, 403, "role_missing"),
    ("POST", "/venues/import", ADMIN, 200, ""),
    ("GET", "/venues/import", VIEWER, 200, ""),
];

#[test]
fn over_http_1() {
    let stack = Stack::reference();
    for (method, path, roles, status, reason) in ROWS {
        let request = stack.request(method, path);
        let request = if let Some(roles) = roles { request.roles(roles) } else { request };
        let answer = request.send();
        if *status == 200 {
            let service = if path.starts_with("/events") { "events" } else { "venues" };
            let side = answer.allowed(service);
            assert_eq!((side.text("method"), side.text("path")), (*method, *path));
            match roles {
                Some(_) if !path.ends_with("/health") => side.told("x-user-id", "u-1"),
                _ => side.told_of_nobody(),
            }
        } else {
            answer.refused(*status, reason);
        }
    }
}

#[test]
fn over_http_2() {
    let stack = Stack::reference();
    for (method, path, roles, status, reason) in ROWS {
        let call = Call::new(stack, method, path);
        let call = if let Some(roles) = roles { call.roles(roles) } else { call };
        let got = call.send();
        if *status == 200 {
            let side = got.allowed();
            assert_eq!((side.text("method"), side.text("path")), (*method, *path));
        } else {
            got.refused(*status, reason);
        }
    }
}

#[test]
fn over_grpc() {
    let stack = Stack::reference();
    let rows: &[(&str, Option<&[&str]>, i32, &str)] = &[
        ("events.v1.EventService/GetEvent", None, 16, "token_missing"),
        ("events.v1.EventService/GetEvent", NOBODY, 7, "code_missing"),
        ("events.v1.EventService/GetEvent", VIEWER, 0, ""),
        ("events.v1.EventService/ListEvents", VIEWER, 0, ""),
        ("events.v1.EventService/CreateEvent", VIEWER, 7, "code_missing"),
        ("events.v1.EventService/CreateEvent", ORGANIZER, 0, ""),
        ("events.v1.EventService/DeleteEvent", ORGANIZER, 7, "role_missing"),
        ("events.v1.EventService/DeleteEvent", ADMIN, 0, ""),
        ("events.v1.EventService/Purge", ADMIN, 12, "route_unknown"),
        ("events.v1.Billing/Get", ADMIN, 12, "service_unknown"),
        ("venues.v1.VenueService/GetVenue", VIEWER, 0, ""),
        ("venues.v1.VenueService/UpdateVenue", VIEWER, 7, "code_missing"),
        ("venues.v1.VenueService/UpdateVenue", MANAGER, 0, ""),
    ];
    for (method, roles, code, reason) in rows {
        let outcome = grpc(stack, method, *roles, &[("x-user-id", "root")]);
        if *code == 0 {
            let side = outcome.allowed();
            assert!(method.ends_with(side.text("method")), "{side:?}");
            side.told("x-user-id", "u-1");
        } else {
            outcome.refused(*code, reason);
        }
    }
}

#[test]
fn the_services_are_told_who_it_is() {
    let stack = Stack::reference();
    let mut claims = stack.claims(&["viewer", "organizer", "unknown"]);
    claims["groups"] = serde_json::json!(["/staff/night", "/staff/day"]);
    let side = stack.get("/events/e-1").token(&stack.key.sign(&claims)).send().allowed("events");
    side.told("x-user-id", "u-1");
    side.told("x-user-roles", "organizer,viewer");
    side.told("x-user-groups", "/staff/night,/staff/day");
    side.told("x-user-tenant", "acme");
    side.told("x-user-codes", "event:create,event:read,event:update,venue:read");
}

#[test]
fn bindings_give_roles_to_users_and_groups() {
    let stack = Stack::reference();
    let mut claims = stack.claims(&[]);
    claims["groups"] = serde_json::json!(["/staff/events"]);
    stack.request("POST", "/events").token(&stack.key.sign(&claims)).send().allowed("events");
    claims["groups"] = serde_json::json!(["/staff/events/", "staff/events", "/STAFF/events"]);
    stack.request("POST", "/events").token(&stack.key.sign(&claims)).send().refused(403, "code_missing");

    let mut claims = stack.claims(&[]);
    claims["sub"] = "carol@example.com".into();
    stack.request("PUT", "/venues/v-1").token(&stack.key.sign(&claims)).send().allowed("venues");
    claims["sub"] = "Carol@example.com".into();
    stack.request("PUT", "/venues/v-1").token(&stack.key.sign(&claims)).send().refused(403, "code_missing");
}

#[test]
fn a_denial_says_how_to_do_better() {
    let stack = Stack::reference();
    let answer = stack.get("/events").send();
    assert_eq!(answer.header("www-authenticate"), ["Bearer realm=\"doorward\""]);
    let answer = stack.request("DELETE", "/events").roles(&["admin"]).send();
    assert_eq!(answer.header("allow"), ["GET, HEAD, POST"]);
    let answer = stack.request("POST", "/events").roles(&["viewer"]).send();
    assert!(answer.body.contains("event:create"), "{answer:?}");
}
