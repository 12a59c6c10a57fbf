//! The plan of the house: rooms import downward only, a foreign crate is named
//! by its owners only, files stay small. Reads `src/` as text, so that what the
//! compiler allows and the plan does not is found.

#![expect(clippy::unwrap_used, clippy::panic, clippy::string_slice, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms and their floors. Rooms of one floor do not see each other.
const FLOORS: [(&str, u8); 19] = [
    ("diag", 0),
    ("words", 1),
    ("yaml", 1),
    ("policy", 2),
    ("config", 2),
    ("proxy", 2),
    ("compile", 3),
    ("engine", 4),
    ("api", 4),
    ("identity", 5),
    ("denial", 5),
    ("telemetry", 5),
    ("gate", 6),
    ("trial", 6),
    ("review", 7),
    ("envoy", 7),
    ("forward", 7),
    ("server", 8),
    ("cli", 9),
];

/// Which files may name a foreign crate: files or, with a final `/`, rooms.
const OWNERS: [(&str, &[&str]); 32] = [
    ("annotate_snippets", &["diag/render.rs"]),
    ("arc_swap", &["identity/keyring.rs", "gate/snapshot.rs"]),
    // In `server/` it is the part of rustls that has its name.
    ("aws_lc_rs", &["identity/crypto.rs", "compile/revision.rs", "server/tls.rs", "server/trust.rs"]),
    ("base64", &["identity/base64url.rs"]),
    ("biodivine_lib_bdd", &["review/logic.rs"]),
    (
        "cel",
        &[
            "compile/expression/program.rs",
            "compile/expression/convert.rs",
            "compile/expression/place.rs",
            "compile/expression/price.rs",
        ],
    ),
    ("clap", &["cli/"]),
    ("h2", &["server/checks/"]),
    ("granit_parser", &["yaml/parse.rs"]),
    ("http_body_util", &["forward/response.rs", "server/admin/", "server/fetch.rs"]),
    (
        "hyper",
        &[
            // The types of headers.
            "envoy/",
            "forward/",
            "server/admin/",
            "server/checks/",
            "server/fetch.rs",
            "server/http.rs",
            "server/otlp/collector.rs",
            "server/web.rs",
        ],
    ),
    ("hyper_util", &["server/fetch.rs", "server/otlp/collector.rs", "server/web.rs"]),
    ("ipnet", &["policy/network.rs"]),
    ("jsonwebtoken", &["identity/signature.rs"]),
    // Names of flags alone: what is done with them, `std` does.
    ("libc", &["server/decision_log/file.rs"]),
    ("mimalloc", &["main.rs"]),
    ("prometheus_client", &["telemetry/figures.rs", "telemetry/histogram.rs", "telemetry/metrics.rs"]),
    ("prost", &["api/descriptor.rs", "server/otlp/wire.rs"]),
    ("quick_cache", &["identity/cache.rs"]),
    ("regex", &["compile/expression/program.rs", "proxy/matcher.rs"]),
    ("rustls_native_certs", &["server/trust.rs"]),
    ("serde", &["cli/", "diag/", "engine/", "gate/problem.rs", "review/", "server/admin/", "trial/"]),
    // Claims are JSON, and they are what tokens, headers and conditions speak of.
    (
        "serde_json",
        &[
            "cli/",
            "compile/expression/",
            "config/claim_path.rs",
            "diag/",
            "engine/",
            "gate/",
            "identity/",
            "review/",
            "server/admin/",
            "telemetry/claims.rs",
            "trial/",
        ],
    ),
    ("tokio", &["server/", "cli/"]),
    (
        "tokio_rustls",
        &["server/fetch.rs", "server/handshakes.rs", "server/otlp/", "server/tls.rs", "server/trust.rs"],
    ),
    ("tokio_stream", &["server/"]),
    ("tonic", &["server/"]),
    ("tonic_health", &["server/"]),
    ("tonic_prost", &["server/otlp/collector.rs"]),
    ("tonic_reflection", &["server/"]),
    ("tracing", &["server/"]),
    ("tracing_subscriber", &["server/logs.rs"]),
];

/// The most lines of a file, its tests not counted.
const MAX_LINES: usize = 400;

struct File {
    /// Below `src/`, such as `engine/decide.rs`.
    name: String,
    /// The text without comments and tests.
    code: String,
    text: String,
}

impl File {
    /// The room it stands in; none for `lib.rs` and `main.rs`.
    fn room(&self) -> Option<&str> {
        self.name.split_once('/').map(|(room, _)| room)
    }
}

/// All files but those that are tests as a whole.
fn files() -> Vec<File> {
    let root = PathBuf::from("src");
    let mut waiting = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") && !is_test(&path) {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            files.push(File { name, code: code(&text), text });
        }
    }
    assert!(files.len() > 30, "only {} files found", files.len());
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs") || path.iter().any(|part| part == "tests")
}

fn code(text: &str) -> String {
    let body = without_tests(text);
    let uncommented = body.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    uncommented.map(|line| line.split(" // ").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The text up to its `mod tests {`, which is always last.
fn without_tests(text: &str) -> &str {
    let tests = text.match_indices("#[cfg(test)]\n").find(|(at, _)| {
        let item = text[*at..].lines().find(|line| !line.starts_with("#["));
        item.is_some_and(|item| item.ends_with("mod tests {"))
    });
    tests.map_or(text, |(at, _)| &text[..at])
}

fn floor(room: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == room);
    found.unwrap_or_else(|| panic!("`{room}` has no floor: enter it in tests/house.rs and src/lib.rs")).1
}

/// The first names behind every `crate::`, also those of `crate::{a, b::c}`.
fn imports(code: &str, root: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(root) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + root.len()..];
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => {
                let mut depth = 0;
                let end = group.find(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth < 0
                });
                let mut depth = 0;
                let top_level: String = group[..end.unwrap()]
                    .chars()
                    .filter(|c| {
                        depth += i32::from(*c == '{') - i32::from(*c == '}');
                        depth == 0
                    })
                    .collect();
                found.extend(top_level.split(',').map(|item| word(item.trim_start())));
            }
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn rooms_import_downward_only() {
    let mut wrong = Vec::new();
    for file in files() {
        let Some(room) = file.room() else { continue };
        for other in imports(&file.code, "crate::") {
            if other != room && floor(&other) >= floor(room) {
                wrong.push(format!("{} imports `{other}`", file.name));
            }
        }
        // A way up that does not say where it leads.
        let depth = file.name.matches('/').count() - usize::from(file.name.ends_with("/mod.rs"));
        if file.code.contains(&"super::".repeat(depth + 1)) {
            wrong.push(format!("{} leaves its room by `super`: write `crate::`", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_foreign_crate_is_named_by_its_owners_only() {
    let files = files();
    let mut wrong = Vec::new();
    for name in dependencies() {
        let Some((_, owners)) = OWNERS.iter().find(|(owned, _)| *owned == name) else {
            wrong.push(format!("`{name}` has no owner: enter it in tests/house.rs"));
            continue;
        };
        let owns = |file: &File| {
            owners.iter().any(|o| file.name == *o || (o.ends_with('/') && file.name.starts_with(o)))
        };
        let names = |file: &&File| {
            file.code.lines().any(|line| {
                let mut rest = line;
                while let Some(at) = rest.find(&name) {
                    let before = rest[..at].chars().next_back();
                    let after = &rest[at + name.len()..];
                    let whole = before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '"')
                        && !rest[..at].ends_with("crate::")
                        && !rest[..at].ends_with("super::");
                    if whole && (after.starts_with("::") || after.starts_with(" as ")) {
                        return true;
                    }
                    rest = after;
                }
                false
            })
        };
        let strangers = files.iter().filter(names).filter(|file| !owns(file));
        wrong.extend(strangers.map(|file| format!("{} names `{name}`", file.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The crates under `[dependencies]`.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let names: Vec<String> =
        lines.filter_map(|l| l.split_once(" = ")).map(|(name, _)| name.replace('-', "_")).collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for file in files() {
        let lines = without_tests(&file.text).lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{} has {lines} lines", file.name));
        }
        if !file.text.starts_with("//! ") {
            wrong.push(format!("{} does not begin with what it is for (`//! ..`)", file.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_command_line_prints() {
    let prints = |file: &File| {
        ["println!", "print!", "eprintln!", "eprint!", "dbg!"].iter().any(|m| file.code.contains(m))
    };
    let files = files();
    let wrong: Vec<_> = files
        .iter()
        .filter(|file| file.room() != Some("cli") && file.name != "main.rs" && prints(file))
        .map(|file| &*file.name)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?} print");
}

#[test]
fn every_room_has_its_floor_in_the_crates_page() {
    let page = fs::read_to_string("src/lib.rs").unwrap();
    for file in files() {
        if let Some(room) = file.room() {
            let row = format!("//! | {} | ", floor(room));
            let told = page.lines().any(|l| l.starts_with(&row) && l.contains(&format!("`{room}`")));
            assert!(told, "src/lib.rs does not say that `{room}` is on floor {}", floor(room));
        }
    }
}

#[test]
fn imports_are_found() {
    let code = "use crate::{a::b, c::{d, e}};\nlet x = crate::f::g();\nmycrate::h";
    assert_eq!(imports(code, "crate::"), ["a", "c", "f"]);
}
