//! The long run of `tests/soak`. No part of the usual tests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::load::{Client, Deployment};

/// How often the process is looked at, and the policy changed.
const EVERY: Duration = Duration::from_secs(5);

/// How much more memory than after the first fifth is still the same: what an allocator keeps.
const SLACK: usize = 8 << 20;

#[test]
#[ignore = "takes as long as `tests/soak` says"]
fn memory_stays_where_it_was() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(60, |text| text.parse().unwrap());
    let length = Duration::from_secs(seconds);
    let deployment = Deployment::start();
    let stack = &deployment.stack;
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        let client = |n: usize| {
            let (done, count) = (&done, &count);
            move || {
                let mut client = Client::new(stack);
                let (mut viewer, mut minted) = (stack.token(&["viewer"]), Instant::now());
                while !done.load(Ordering::Relaxed) {
                    // Tokens end after minutes.
                    if minted.elapsed() > Duration::from_secs(60) {
                        (viewer, minted) = (stack.token(&["viewer"]), Instant::now());
                    }
                    // Every so often a token and a path that were never seen.
                    let seen = count.fetch_add(4, Ordering::Relaxed);
                    let other = stack.token(&["viewer", &format!("role-{n}-{seen}")]);
                    assert_eq!(client.get("/events/e-1", Some(&viewer)), 200);
                    assert_eq!(client.get(&format!("/events/e-{seen}"), Some(&other)), 200);
                    assert_eq!(client.get(&format!("/events/{seen}/none"), None), 404);
                    assert_eq!(client.get("/events/internal", Some(&viewer)), 403);
                }
            }
        };
        let clients = [0, 1].map(|n| scope.spawn(client(n)));
        let done_too = &done;
        scope.spawn(move || {
            while !done_too.load(Ordering::Relaxed) {
                let mut stream = TcpStream::connect(stack.doorward_address()).unwrap();
                stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
                let _ =
                    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n rubbish that goes on for a while");
                let _ = stream.read(&mut [0; 64]);
            }
        });
        let (mut first, mut n) = (None, 0);
        while begun.elapsed() < length {
            thread::sleep(EVERY);
            n += 1;
            if clients.iter().any(|client| client.is_finished()) {
                // It failed, and says why.
                done.store(true, Ordering::Relaxed);
                break;
            }
            deployment.swap(n % 2 == 0);
            let (memory, files) = (memory(&deployment), files(&deployment));
            let elapsed = begun.elapsed().as_secs();
            println!(
                "{elapsed:>5} s: {:>7} KiB, {files:>3} files, {} answers",
                memory >> 10,
                count.load(Ordering::Relaxed)
            );
            if first.is_none() && begun.elapsed() * 5 >= length {
                first = Some((memory, files));
            }
            if let Some((before, files_before)) = first {
                assert!(memory <= before + before / 10 + SLACK, "{before} -> {memory}");
                assert!(files <= files_before + 8, "{files_before} -> {files}");
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn memory(deployment: &Deployment) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", deployment.doorward())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn files(deployment: &Deployment) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", deployment.doorward())).unwrap().count()
}
