//! `doorward init`: what it writes runs as it stands.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Doorward, Said, doorward, files, root};

/// A starter in a folder of its own.
struct Starter(TempDir);

impl Starter {
    fn new() -> Self {
        let starter = Self(tempfile::tempdir().unwrap());
        let said = Doorward::new(["init", "gate"]).within(starter.0.path()).run();
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        starter
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("gate")
    }

    fn run(&self, args: &[&str]) -> Said {
        Doorward::new(args.iter().copied()).within(&self.path()).run()
    }

    /// A `sh` line of its README, `doorward` being the binary under test.
    fn shell(&self, line: &str) -> (i32, String) {
        let binary = Path::new(env!("CARGO_BIN_EXE_doorward")).parent().unwrap();
        let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        let output = command.args(["-c", line]).env("PATH", path).current_dir(self.path()).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn readme_lines(&self, section: &str) -> Vec<String> {
        let readme = fs::read_to_string(self.path().join("README.md")).unwrap();
        let section = readme.split("\n## ").find(|part| part.starts_with(section)).unwrap();
        let blocks = section.split("```").filter_map(|part| part.strip_prefix("sh\n"));
        let lines = blocks.flat_map(str::lines).filter(|line| !line.is_empty());
        lines.map(str::to_owned).collect()
    }
}

#[test]
fn it_has_no_findings_and_its_checks_are_as_told() {
    let starter = Starter::new();
    let said = starter.run(&["lint", "--deny-warnings"]);
    assert_eq!(said.code, 0, "{}", said.out);
    let codes: Vec<i32> =
        starter.readme_lines("Without Envoy").iter().map(|line| starter.shell(line).0).collect();
    assert_eq!(codes, [0, 0, 0, 0, 1], "only the last one of the README is refused");
}

#[test]
fn its_key_signs_the_tokens_that_it_trusts() {
    let starter = Starter::new();
    let lines = starter.readme_lines("With Envoy");
    let mint = lines.iter().find(|line| line.starts_with("TOKEN=")).unwrap();
    let check = format!("{mint}; echo $TOKEN | doorward check GET /notes/7 --token-file -");
    let (code, page) = starter.shell(&check);
    assert_eq!(code, 0, "{page}");
    assert!(
        page.contains("ann, by a verified token") && page.contains("sets x-user-roles: reader"),
        "{page}"
    );
    assert_eq!(starter.shell(&check.replace("GET", "DELETE")).0, 1);
    assert_eq!(starter.run(&["check", "DELETE", "/notes/7", "--user", "alice"]).code, 0, "by a binding");
}

#[test]
fn its_server_starts() {
    let starter = Starter::new();
    let server = Server::start(&starter.path());
    let line = server.line_with("listening");
    assert!(line.contains("127.0.0.1:"), "{line}");
}

#[test]
fn its_envoy_configuration_is_valid() {
    // tests/run names one; without it the rest can still be tested.
    let Some(envoy) = std::env::var_os("ENVOY_BIN").filter(|path| !path.is_empty()) else { return };
    let starter = Starter::new();
    let mut command = Command::new(envoy);
    let output =
        command.args(["--mode", "validate", "-c"]).arg(starter.path().join("envoy.yaml")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Whatever closes a hole in the configuration that is tested end to end must
/// stand in the starter's too.
#[test]
fn its_envoy_configuration_is_hardened_like_the_one_that_ships() {
    let keys = |file: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let hard = text.lines().filter(|line| line.contains("# [hard]"));
        let settings = hard.filter_map(|line| line.split_once(" # ")).map(|(setting, _)| setting);
        settings.map(|setting| setting.trim().replace("- ", "")).filter(|s| !s.is_empty()).collect()
    };
    let starter = fs::read_to_string(root().join("src/cli/init/envoy.yaml")).unwrap();
    let shipped = keys("deploy/envoy/envoy.yaml");
    assert!(shipped.len() > 20, "{shipped:?}");
    for setting in shipped {
        assert!(starter.contains(&setting), "src/cli/init/envoy.yaml lacks `{setting}`");
    }
}

#[cfg(unix)]
#[test]
fn its_private_key_is_for_its_owner_and_not_for_git() {
    use std::os::unix::fs::PermissionsExt;
    let starter = Starter::new();
    let key = starter.path().join("keys/dev.pem");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    if Command::new("git").arg("--version").output().is_err() {
        return;
    }
    let (code, listed) = starter.shell("git init -q . && git add -A && git ls-files");
    assert_eq!(code, 0);
    assert!(listed.contains("keys/jwks.json") && !listed.contains(".pem"), "{listed}");
}

#[test]
fn no_two_starters_have_the_same_key() {
    let read = |starter: &Starter| fs::read_to_string(starter.path().join("keys/dev.pem")).unwrap();
    assert_ne!(read(&Starter::new()), read(&Starter::new()));
}

#[test]
fn nothing_is_written_where_something_is() {
    let folder = tempfile::tempdir().unwrap();
    let init = |directory: &str| Doorward::new(["init", directory]).within(folder.path()).run();
    fs::create_dir(folder.path().join("used")).unwrap();
    fs::write(folder.path().join("used/.hidden"), "").unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for directory in ["used", ".", "file", "file/below"] {
        let said = init(directory);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{directory}: {}", said.err);
    }
    assert_eq!(files(&folder.path().join("used"), "").len(), 1);
    assert_eq!(doorward(["init"]).code, 2);

    fs::create_dir(folder.path().join("empty")).unwrap();
    for directory in ["empty", "a/new/one"] {
        assert_eq!(init(directory).code, 0, "{directory}");
        assert_eq!(init(directory).code, 2, "{directory}: a second time");
    }
}

/// `doorward serve`, killed when dropped.
struct Server {
    child: Child,
    log: mpsc::Receiver<String>,
}

impl Server {
    fn start(directory: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .arg("serve")
            .current_dir(directory)
            .env("DOORWARD_GRPC", "127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (to, log) = mpsc::channel();
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
        Self { child, log }
    }

    /// The first line of its log that holds a word.
    fn line_with(&self, word: &str) -> String {
        let next = || self.log.recv_timeout(Duration::from_secs(60)).expect(word);
        std::iter::repeat_with(next).find(|line| line.contains(word)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
