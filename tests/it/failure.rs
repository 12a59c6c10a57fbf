//! When something is gone, the door is shut; when it is back, it works again.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::{Answer, SlowWay, Stack, eventually, grpc};

const OWN: &str = "examples/quickstart/doorward.yaml";

/// Refused as a fault, not as a verdict, and nothing went through.
fn shut(answer: &Answer) -> Result<(), String> {
    if answer.status == 503 && answer.reached.is_empty() { Ok(()) } else { Err(format!("{answer:?}")) }
}

#[test]
fn fail_4_doorward_killed_refuses_everything_until_it_is_back() {
    let mut stack = Stack::start(OWN);
    stack.get("/events/e-1").roles(&["viewer"]).send().allowed("events");
    stack.doorward.as_ref().unwrap().signal(9);
    eventually("a killed doorward is noticed", || shut(&stack.get("/events/health").send()));
    for path in ["/events/health", "/events/e-1", "/events/internal", "/other"] {
        shut(&stack.get(path).roles(&["admin"]).header("x-user-id", "evil").send()).unwrap();
    }
    let outcome = grpc(&stack, "events.v1.EventService/GetEvent", Some(&["viewer"]), &[]);
    assert_eq!((outcome.code, outcome.reached.len()), (14, 0), "{outcome:?}");

    stack.start_doorward();
    stack.wait_until_ready();
    stack.get("/events/e-1").roles(&["viewer"]).send().allowed("events");
    stack.get("/events/e-1").send().refused(401, "token_missing");
}

#[test]
fn fail_4_nobody_slips_through_while_doorward_comes_and_goes() {
    let mut stack = Stack::start(OWN);
    for _ in 0..3 {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let (stack, done) = (&stack, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    stack.get("/events/internal").roles(&["admin"]).send().never_arrived();
                    let answer =
                        stack.get("/events/e-1").roles(&["viewer"]).header("x-user-id", "evil").send();
                    match answer.status {
                        200 => answer.allowed("events").told("x-user-id", "u-1"),
                        _ => shut(&answer).unwrap(),
                    }
                }
            });
            stack.doorward.as_ref().unwrap().signal(9);
            eventually("it is noticed", || shut(&stack.get("/events/health").send()));
            done.store(true, Ordering::Relaxed);
        });
        stack.start_doorward();
        stack.wait_until_ready();
    }
}

#[test]
fn fail_1_a_doorward_that_does_not_answer_in_time_lets_nothing_through() {
    let mut stack = Stack::start(OWN);
    stack.doorward.as_ref().unwrap().signal(19); // SIGSTOP: connected, and silent
    shut(&stack.get("/events/health").header("x-user-id", "evil").send()).unwrap();
    stack.doorward.as_ref().unwrap().signal(18); // SIGCONT
    stack.wait_until_ready();
    stack.get("/events/e-1").roles(&["viewer"]).send().allowed("events");
    // What was asked while it slept is not answered as something else now.
    stack.get("/events/e-1").send().refused(401, "token_missing");
    stack.doorward = None;
}

#[test]
fn fail_1_a_way_slower_than_the_deadline_lets_nothing_through() {
    let way = OnceCell::new();
    let stack = Stack::start_with(OWN, "info", &|yaml| {
        let (before, after) = yaml.split_once("cluster_name: doorward\n").unwrap();
        let (between, after) = after.split_once("port_value: ").unwrap();
        let (port, after) = after.split_once(' ').unwrap();
        let way = way.get_or_init(|| SlowWay::to(port.parse().unwrap()));
        let port = way.address.port();
        format!("{before}cluster_name: doorward\n{between}port_value: {port} {after}")
            .replace("timeout: 5s", "timeout: 1s")
    });
    let way = way.into_inner().unwrap();
    stack.get("/events/e-1").roles(&["viewer"]).send().allowed("events");
    way.delay(1500);
    for path in ["/events/e-1", "/events/health", "/events/internal"] {
        shut(&stack.get(path).roles(&["admin"]).header("x-user-id", "evil").send()).unwrap();
    }
    way.delay(0);
    eventually("it is fast again", || match stack.get("/events/e-1").roles(&["viewer"]).send() {
        answer if answer.status == 200 => {
            answer.allowed("events").told("x-user-id", "u-1");
            Ok(())
        }
        answer => shut(&answer).and(Err("still shut".to_owned())),
    });
    stack.get("/events/internal").roles(&["admin"]).send().refused(403, "route_denied");
}

#[test]
fn envoy_restarted_finds_doorward_again() {
    let mut stack = Stack::start(OWN);
    for _ in 0..2 {
        stack.stop_envoy();
        assert_eq!(stack.get("/events/health").send().status, 0, "nobody listens");
        stack.start_envoy();
        stack.wait_until_ready();
        stack.get("/events/e-1").roles(&["viewer"]).send().allowed("events");
        stack.get("/events/e-1").send().refused(401, "token_missing");
        stack.get("/events/internal").roles(&["admin"]).send().refused(403, "route_denied");
    }
}

#[test]
fn log_2_no_part_of_a_token_is_ever_written() {
    // The most talkative it can be: what must never be written is looked for in all of it.
    let stack = Stack::start_logging(OWN, "trace");
    let mut tokens =
        vec![stack.token(&["admin"]), stack.token(&[]), stack.other_key.sign(&stack.claims(&["admin"]))];
    let mut expired = stack.claims(&["admin"]);
    expired["exp"] = 1.into();
    tokens.push(stack.key.sign(&expired));
    tokens.push(stack.key.sign_raw(r#"{"alg":"nOnE-of-it","kid":"secret-kid"}"#, r#"{"sub":"secret-sub"}"#));
    tokens.push("not-a-token-but-a-secret".to_owned());
    for token in &tokens {
        for path in ["/events/health", "/events/e-1", "/events/internal", "/other", "/events/%25"] {
            stack.get(path).token(token).send();
            stack.get(path).token(token).token(token).send();
        }
        stack.get(&format!("/events/e-1?access_token={token}")).send();
        grpc(
            &stack,
            "events.v1.EventService/GetEvent",
            None,
            &[("authorization", &format!("Bearer {token}"))],
        );
    }
    let log = stack.doorward_log();
    assert!(log.contains("path_ambiguous"), "the log should be on for this to mean anything: {log}");
    for token in &tokens {
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!log.contains(part), "`{part}` is in the log");
        }
    }
    for word in ["Bearer ", "bearer ", "nOnE-of-it", "secret-kid", "secret-sub", "-----BEGIN"] {
        assert!(!log.contains(word), "`{word}` is in the log");
    }
}

#[test]
fn log_1_a_request_writes_one_line_whatever_it_holds() {
    let stack = Stack::start(OWN);
    let before = stack.doorward_log().lines().count();
    stack
        .get("/other/%0aforged%0d%1b[31m\"}")
        .header("x-request-id", "a\"}\\n")
        .header("user-agent", "\u{1b}[31m")
        .send();
    let log = stack.doorward_log();
    assert!(!log.contains('\u{1b}'), "{log}");
    assert!(log.lines().skip(before).filter(|line| line.contains("forged")).count() <= 1, "{log}");
}
