//! Real Envoy under load while the policy changes: what a client sees.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Stack, eventually, root};

/// How often the policy is replaced.
const SWAPS: usize = 200;

/// A client that keeps its connection until Envoy says that it closes it.
pub(crate) struct Client<'s> {
    stack: &'s Stack,
    stream: BufReader<TcpStream>,
}

impl<'s> Client<'s> {
    pub(crate) fn new(stack: &'s Stack) -> Self {
        let stream = TcpStream::connect(stack.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stack, stream: BufReader::new(stream) }
    }

    /// The status of the answer, read to its end.
    pub(crate) fn get(&mut self, path: &str, token: Option<&str>) -> u16 {
        let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{token}\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status: {line:?}")).parse().unwrap();
        let (mut length, mut closes) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap();
                }
                Some((name, value)) => closes |= name == "connection" && value == "close",
                None => break,
            }
        }
        self.stream.read_exact(&mut vec![0; length]).unwrap();
        if closes {
            *self = Self::new(self.stack);
        }
        status
    }
}

/// A deployment of its own, whose policy may be changed: those that are shipped.
pub(crate) struct Deployment {
    pub(crate) stack: Stack,
    folder: TempDir,
    open: String,
    closed: String,
}

impl Deployment {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = |from: &str| {
            for file in fs::read_dir(root().join(from)).unwrap() {
                let file = file.unwrap();
                if file.file_type().unwrap().is_file() {
                    let to = folder.path().join(from).join(file.file_name());
                    fs::create_dir_all(to.parent().unwrap()).unwrap();
                    fs::copy(file.path(), to).unwrap();
                }
            }
        };
        copy("policies");
        copy("policies/services");
        let config = fs::read_to_string(root().join("examples/quickstart/doorward.yaml")).unwrap();
        let config = config.replace("../../policies", "policies");
        fs::write(folder.path().join("doorward.yaml"), config).unwrap();
        let open = fs::read_to_string(folder.path().join(EVENTS)).unwrap();
        let health = "GET /events/health\n        access: ";
        let closed = open.replace(&format!("{health}anonymous"), &format!("{health}denied"));
        assert_ne!(open, closed, "the route that is opened and closed is not there");
        let stack = Stack::start(folder.path().join("doorward.yaml").to_str().unwrap());
        Self { stack, folder, open, closed }
    }

    /// Replaces the policy: `/events/health` is for everyone, or for nobody.
    pub(crate) fn swap(&self, open: bool) {
        let next = self.folder.path().join("next");
        fs::write(&next, if open { &self.open } else { &self.closed }).unwrap();
        fs::rename(next, self.folder.path().join(EVENTS)).unwrap();
        self.stack.doorward.as_ref().unwrap().signal(1); // SIGHUP: do not wait for the next look
    }

    /// The process id of doorward.
    pub(crate) fn doorward(&self) -> &str {
        self.stack.doorward.as_ref().unwrap().pid()
    }
}

const EVENTS: &str = "policies/services/events.yaml";

#[test]
fn load_10_and_12_policies_swapped_under_load_fail_no_decision() {
    let deployment = Deployment::start();
    let stack = &deployment.stack;
    let (viewer, admin) = (stack.token(&["viewer"]), stack.token(&["admin"]));
    let done = AtomicBool::new(false);
    let answers = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                let (done, viewer, admin) = (&done, &viewer, &admin);
                scope.spawn(move || {
                    let mut client = Client::new(stack);
                    let mut count = 0;
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(client.get("/events/e-1", Some(viewer)), 200);
                        assert_eq!(client.get("/events/e-1", None), 401);
                        assert_eq!(client.get("/events/internal", Some(admin)), 403);
                        assert_eq!(client.get("/events/%252e", Some(admin)), 400);
                        // What changes is one policy or the other, and never a fault.
                        let flips = client.get("/events/health", None);
                        assert!([200, 403].contains(&flips), "{flips}");
                        count += 5;
                    }
                    count
                })
            })
            .collect();
        let mut looker = Client::new(stack);
        for n in 0..SWAPS {
            let expected = if n % 2 == 0 { 403 } else { 200 };
            deployment.swap(expected == 200);
            eventually("the policy is swapped", || match looker.get("/events/health", None) {
                status if status == expected => Ok(()),
                status => Err(format!("swap {n}: {status}")),
            });
        }
        done.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().unwrap()).sum::<usize>()
    });
    assert!(answers > SWAPS, "{answers} right answers while the policy was swapped {SWAPS} times");
}
