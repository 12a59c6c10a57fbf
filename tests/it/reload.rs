//! Policies that change while the real server answers.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::serve::{Doorward, ask, token};
use crate::support::eventually;

/// Opens `/odd` or `/even` to everyone with a token, and never `/closed`.
fn policy(odd: bool) -> String {
    let (odd, even) = if odd { ("authenticated", "denied") } else { ("denied", "authenticated") };
    format!(
        "roles: {{ viewer: {{}} }}\nservices:\n  all:\n    paths: [/]\n    routes:\n\
         \x20     - {{ route: GET /odd, access: {odd} }}\n\
         \x20     - {{ route: GET /even, access: {even} }}\n\
         \x20     - {{ route: GET /roles, roles: viewer }}\n\
         \x20     - {{ route: GET /closed, access: denied }}\n"
    )
}

fn answers(address: &str) -> Vec<i32> {
    let token = token(&[]);
    ask(address, &["/odd", "/even", "/roles", "/closed"].map(|path| (path, token.as_str())))
}

const ODD: [i32; 4] = [0, 7, 7, 7];
const EVEN: [i32; 4] = [7, 0, 7, 7];

/// Waits for answers; all others on the way are those of the other policy, whole.
fn until(server: &Doorward, expected: [i32; 4], what: &str) {
    eventually(what, || match answers(&server.address) {
        answers if answers == expected => Ok(()),
        answers => Err(format!("{answers:?}")),
    });
}

fn said(server: &Doorward, words: &str) {
    server.line(|line| line.to_string().contains(words));
}

fn hang_up(server: &Doorward) {
    let id = server.child.id().to_string();
    assert!(Command::new("kill").arg("-HUP").arg(id).status().unwrap().success());
}

/// Asks all the time until told to stop; gives the number of answers.
fn asking(address: &str, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<usize> {
    let (address, stop, token) = (address.to_owned(), Arc::clone(stop), token(&[]));
    std::thread::spawn(move || {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let asked = [("/closed", token.as_str()), ("/roles", &token), ("/closed", &token)];
            assert_eq!(ask(&address, &asked), [7, 7, 7], "what both policies deny");
            count += asked.len();
        }
        count
    })
}

#[test]
fn a_change_of_the_policy_comes_into_force_and_no_answer_is_wrong_meanwhile() {
    let server = Doorward::with("info", &policy(true));
    let policies = server.folder.path().join("policies");
    let file = policies.join("all.yaml");
    let write = |text: &str| fs::write(&file, text).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let asker = asking(&server.address, &stop);
    until(&server, ODD, "the first policy");

    write(&policy(false));
    until(&server, EVEN, "an edit");
    said(&server, "policy reloaded");
    fs::write(policies.join("new"), policy(true)).unwrap();
    fs::rename(policies.join("new"), &file).unwrap();
    until(&server, ODD, "a file renamed over the other");

    write(&policy(false).replace("denied", "deneid"));
    said(&server, "policy not reloaded");
    assert_eq!(answers(&server.address), ODD, "broken");
    write(&policy(false));
    until(&server, EVEN, "mended");

    fs::remove_dir_all(&policies).unwrap();
    said(&server, "policy not reloaded");
    assert_eq!(answers(&server.address), EVEN, "deleted");
    fs::create_dir(&policies).unwrap();
    said(&server, "no service is defined");
    assert_eq!(answers(&server.address), EVEN, "empty");
    // As Kubernetes does it.
    mount(&policies, "1", &policy(true));
    until(&server, ODD, "mounted anew");
    mount(&policies, "2", &policy(false));
    until(&server, EVEN, "the link swapped");
    fs::remove_file(&file).unwrap();

    let (all, few) = (policy(true), policy(true));
    let few: String = few
        .lines()
        .filter(|l| !l.contains("/roles") && !l.contains("/even") && !l.contains("/odd"))
        .map(|l| format!("{l}\n"))
        .collect();
    write(&few);
    said(&server, "held back: of 4 routes only 1");
    assert_eq!(answers(&server.address), EVEN, "held back");
    hang_up(&server);
    said(&server, "SIGHUP");
    said(&server, "held back: of 4 routes only 1");
    assert_eq!(answers(&server.address), EVEN, "still held back");

    let half = all.len() / 2;
    write(&all[..half]);
    write(&all);
    until(&server, ODD, "the whole file");
    stop.store(true, Ordering::Relaxed);
    assert!(asker.join().unwrap() > 0);
    assert_eq!(server.stop().0, Some(0));
}

fn mount(policies: &Path, version: &str, text: &str) {
    let files = policies.join(format!("..{version}"));
    fs::create_dir(&files).unwrap();
    fs::write(files.join("all.yaml"), text).unwrap();
    symlink(files.file_name().unwrap(), policies.join("..new")).unwrap();
    fs::rename(policies.join("..new"), policies.join("..data")).unwrap();
    if !policies.join("all.yaml").exists() {
        symlink("..data/all.yaml", policies.join("all.yaml")).unwrap();
    }
}

#[test]
fn a_reload_that_takes_away_most_routes_is_allowed_where_configured() {
    let server = Doorward::configured("info", "reload: { allow_shrink: true }\n", &policy(true));
    let one = "services: { all: { paths: [/], routes: [{ route: GET /even, access: authenticated }] } }\n";
    fs::write(server.folder.path().join("policies/all.yaml"), one).unwrap();
    eventually("the small policy", || match answers(&server.address) {
        answers if answers == [12, 0, 12, 12] => Ok(()),
        answers => Err(format!("{answers:?}")),
    });
}
