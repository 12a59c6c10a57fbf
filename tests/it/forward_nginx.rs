//! nginx with `auth_request`: the shipped `nginx.conf`, and the same decisions.

use std::process::Command;
use std::sync::OnceLock;

use crate::support::{Answer, Front, Request, Stack, eventually, nginx_binary, replaced};

/// Shared by many tests.
fn stack() -> &'static Stack {
    static SHARED: OnceLock<Stack> = OnceLock::new();
    SHARED.get_or_init(|| Stack::forward(Front::Nginx))
}

/// An nginx that passes all headers on and puts none of them right.
fn careless() -> &'static Stack {
    static SHARED: OnceLock<Stack> = OnceLock::new();
    SHARED.get_or_init(|| {
        Stack::start_behind(Front::Nginx, "tests/it/forward.yaml", "info", &|shipped| {
            let text = replaced(&shipped, "underscores_in_headers off", "underscores_in_headers on", 1);
            let text = replaced(&text, "ignore_invalid_headers on", "ignore_invalid_headers off", 1);
            let text = replaced(&text, "proxy_set_header X-User-", "# ", 6);
            replaced(&text, "location ~ ^/events(/|$) {", "merge_slashes off; location ~ ^/events {", 1)
        })
    })
}

/// Refused with this status by nginx for Doorward, and nothing reached a service.
#[track_caller]
fn refused(answer: &Answer, status: u16) {
    assert_eq!((answer.status, answer.is_a_problem()), (status, true), "{answer:?}");
    assert_eq!(answer.json["status"], status, "{answer:?}");
    assert_eq!(answer.json["decision_id"].as_str().map(str::len), Some(32), "{answer:?}");
    answer.never_arrived();
}

fn spoofed(request: Request<'_>) -> Request<'_> {
    let lies = [
        ("x-original-uri", "/events/health"),
        ("X-ORIGINAL-METHOD", "GET"),
        ("x-original-host", "evil"),
        ("x-original-scheme", "ftp"),
        ("x-real-ip", "10.0.0.1"),
        ("x-forwarded-uri", "/events/health"),
        ("x-doorward-service", "/venues"),
    ];
    lies.iter().fold(request, |request, (name, value)| request.header(name, value))
}

#[test]
fn the_decision_and_its_headers_arrive() {
    let stack = stack();
    let side = stack.get("/events/things/1?x=1").roles(&["viewer"]).send().allowed("events");
    side.told("x-user-id", "u-1");
    side.told("x-user-roles", "viewer");
    side.told("x-user-tenant", "acme");
    side.not_told("x-user-groups");
    assert_eq!(side.text("path"), "/events/things/1?x=1");
    stack.request("POST", "/events/things").roles(&["editor"]).json("{}").send().allowed("events");
    stack.get("/venues/health").send().allowed("venues").told_of_nobody();

    let answer = stack.get("/events/things/1").send();
    refused(&answer, 401);
    assert_eq!(answer.header("www-authenticate"), ["Bearer realm=\"doorward\""]);
    assert_eq!(answer.header("cache-control"), ["no-store"]);
    refused(&stack.request("DELETE", "/events/things/1").roles(&["viewer"]).send(), 403);
    let answer = stack.request("PUT", "/events/who").roles(&["admin"]).send();
    refused(&answer, 405);
    assert_eq!(answer.header("allow"), ["GET, HEAD"]);
    refused(&stack.get("/events/nothing").roles(&["admin"]).send(), 404);
    refused(&stack.get("/events/things/1").token("a.b.c").send(), 401);
    // nginx itself takes no second one, as of 1.22.
    stack.get("/events/things/1").token("a").roles(&["admin"]).send().never_arrived();
    stack.get("/eventsadmin").roles(&["admin"]).send().never_arrived();
    stack.get("/_doorward/events").roles(&["admin"]).send().never_arrived();
    stack.get("/_doorward/venues?x").roles(&["admin"]).send().never_arrived();
    stack.get("/events/things/1").host("other.test").roles(&["admin"]).send().never_arrived();
}

#[test]
fn nginx_and_envoy_let_the_same_requests_through() {
    let paths = [
        "/events/health",
        "/events/public/x",
        "/events/public/admin",
        "/events/admin/x",
        "/events/things/1",
        "/events/nothing",
        "/venues/health",
        "/VENUES/Health",
        "/other",
        "/events/public/a;x",
        "/events/peer/till",
        "/events/public/%25",
        "/events/public/%41",
        "/events/publicadmin",
        "/venues/halls/Admin",
    ];
    for path in paths {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "PROPFIND", "TRACE"] {
            for roles in [None, Some("viewer"), Some("admin")] {
                let ask = |stack: &'static Stack| {
                    let request = stack.request(method, path);
                    let answer = match roles {
                        Some(role) => request.roles(&[role]).send(),
                        None => request.send(),
                    };
                    (answer.status < 300, answer.reached.len())
                };
                // nginx has no %41 to resolve for Doorward, and no /VENUES.
                if ["/events/public/%41", "/VENUES/Health"].contains(&path) {
                    stack().request(method, path).send().never_arrived();
                } else {
                    assert_eq!(ask(stack()), ask(Stack::trapped()), "{method} {path} {roles:?}");
                }
            }
        }
    }
}

#[test]
fn path_24_what_a_client_says_of_its_request_is_not_heard() {
    for stack in [stack(), careless()] {
        refused(&spoofed(stack.get("/events/things/1")).send(), 401);
        refused(&spoofed(stack.get("/events/admin")).roles(&["viewer"]).send(), 403);
        refused(&spoofed(stack.request("DELETE", "/events/things/1")).roles(&["viewer"]).send(), 403);
        let side = spoofed(stack.get("/events/health")).send().allowed("events");
        for name in ["x-original-uri", "x-original-method", "x-original-host", "x-forwarded-uri"] {
            side.not_told(name);
        }
        assert_eq!(side.header("x-real-ip"), ["127.0.0.1"]);
        // A hop-by-hop header takes nothing from what nginx sets.
        let answer =
            stack.get("/events/things/1").header("connection", "x-original-uri, authorization").send();
        answer.never_arrived();
    }
}

#[test]
fn spf_1_no_identity_of_a_client_reaches_a_service() {
    for name in ["x-user-id", "X-User-Roles", "x-user-tenant", "x-user-unmanaged"] {
        for stack in [stack(), careless()] {
            refused(&stack.get("/events/who").header(name, "root").roles(&["viewer"]).send(), 400);
            refused(&stack.get("/events/health").header(name, "root").send(), 400);
        }
    }
    for name in ["x_user_id", "x.user.id", "X_USER-ROLES"] {
        stack().get("/events/health").header(name, "root").send().allowed("events").told_of_nobody();
        refused(&careless().get("/events/health").header(name, "root").send(), 400);
    }
}

#[test]
fn path_1_to_5_what_nginx_reads_otherwise_than_doorward_is_refused() {
    for stack in [stack(), careless()] {
        for path in [
            "/events/public/../admin/x",
            "/events/public/..",
            "/events/./admin",
            "/other/../events/admin",
            "/events/public/%2e%2e/admin",
            "/events/public/.%2E/admin",
            "/events/public%2f..%2fadmin",
            "/events%2fadmin",
            "/events/public/..%5Cadmin",
            "/events/public/..;/admin",
            "/events/public/..;x=1/admin",
            "/events/admin;jsessionid=1",
            "/events//admin",
            "//events/admin",
            "/events/public//../admin",
            "/events/public/%252e%252e/admin",
            "/events/public/%61dmin",
            "/%65vents/admin",
            "/events/public/a%00",
            "/events/public/a%0a",
            "/events/public/a%zz",
            "/events/public\\..\\admin",
            "/events/public/admin#/../x",
            "/events/public/x#y",
            "/events/public/x%23y",
            "/eventsadmin",
            "http://evil/events/admin",
            "http://localhost/events/../events/admin",
        ] {
            stack.get(path).send().never_arrived();
        }
        // What the service gets is what was decided about, to the letter.
        for path in [
            "/events/public/x?y=/../admin",
            "/events/public/a%20b",
            "/events/public/x?",
            "/events/public/x?%2e#z",
        ] {
            let answer = stack.get(path).send();
            if answer.status == 200 {
                assert_eq!(
                    answer.allowed("events").text("path").trim_end_matches('?'),
                    path.trim_end_matches('?')
                );
            } else {
                answer.never_arrived();
            }
        }
        let side = stack.get("http://localhost/events/public/x?y").send().allowed("events");
        assert_eq!(side.text("path"), "/events/public/x?y");
    }
}

#[test]
fn meth_3_a_second_method_is_refused() {
    let stack = stack();
    for name in ["x-http-method-override", "x-method-override", "X-HTTP-Method"] {
        refused(&stack.request("POST", "/events/open").header(name, "DELETE").send(), 400);
    }
}

#[test]
fn meth_6_an_upgrade_is_asked_about() {
    let stack = stack();
    let upgrade =
        |path: &str| stack.get(path).header("upgrade", "websocket").header("connection", "upgrade").send();
    refused(&upgrade("/events/live"), 403);
    upgrade("/events/socket").allowed("events");
}

#[test]
fn fail_4_doorward_killed_refuses_everything_until_it_is_back() {
    let mut stack = Stack::forward(Front::Nginx);
    let shut = |answer: &Answer| {
        if answer.status == 503 && answer.reached.is_empty() { Ok(()) } else { Err(format!("{answer:?}")) }
    };
    stack.get("/events/things/1").roles(&["viewer"]).send().allowed("events");
    stack.doorward.as_ref().unwrap().signal(9);
    eventually("a killed doorward is noticed", || shut(&stack.get("/events/health").send()));
    for path in ["/events/health", "/events/things/1", "/events/admin"] {
        shut(&spoofed(stack.get(path).roles(&["admin"])).send()).unwrap();
    }
    stack.start_doorward();
    stack.wait_until_ready();
    stack.get("/events/things/1").roles(&["viewer"]).send().allowed("events");
    refused(&stack.get("/events/things/1").send(), 401);
}

#[test]
fn a_proxy_that_does_not_say_what_was_asked_for_is_refused() {
    for word in ["X-Original-Method $", "X-Original-URI    $", "X-Original-Host   $", "X-Original-Scheme $"] {
        let stack = Stack::try_behind(Front::Nginx, "tests/it/forward.yaml", &|shipped| {
            replaced(&shipped, &format!("proxy_set_header {word}"), &format!("# {word}"), 1)
        });
        // Not even the honest request passes; and none whose client knows what is missing, unless all do.
        refused(&stack.get("/events/health").send(), 400);
    }
}

#[test]
fn a_browser_is_sent_to_the_login_page() {
    let answer = stack().get("/events/things/1?a=b").header("accept", "text/html").send();
    assert_eq!(answer.status, 302, "{answer:?}");
    let to = "https://login.example.com/start?return_to=http%3A%2F%2Flocalhost%3A8080%2Fevents%2Fthings%2F1%3Fa%3Db";
    assert_eq!(answer.header("location"), [to], "{answer:?}");
    answer.never_arrived();
}

#[test]
fn the_shipped_configuration_is_valid_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = crate::support::root().join("deploy/nginx/nginx.conf");
    // `-t` opens log files and makes folders: those of the package are not there.
    let text = std::fs::read_to_string(shipped).unwrap();
    let temporary = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"));
    let path = folder.path().join("nginx.conf");
    std::fs::write(&path, text.replace("\nhttp {\n", &format!("\nhttp {{\n{}", temporary.concat()))).unwrap();
    let output = Command::new(nginx_binary())
        .args(["-t", "-e", "stderr", "-g", "pid nginx.pid;", "-p"])
        .arg(folder.path())
        .arg("-c")
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("[warn]"), "{said}");
}
