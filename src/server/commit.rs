//! The git commit that a directory was checked out from.
//!
//! Read from git's own files: no program is run, nothing that a repository
//! configures is obeyed, and a few small files are all that is opened. What can't
//! be read this way has no commit. Whether the files are those of the commit is
//! not asked: it is the commit that is checked out.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// The largest of git's small files, and of its list of packed references.
const SMALL: u64 = 4 << 10;
const PACKED: u64 = 16 << 20;

/// How far up a work tree may begin, and how often a reference may name another.
const UP: usize = 64;
const LINKS: usize = 5;

/// The commit, where the directory lies in a work tree of git.
pub(super) fn of(directory: &Path) -> Option<Arc<str>> {
    // Links first: git-sync swaps one that leads into a work tree.
    let directory = fs::canonicalize(directory).ok()?;
    // A volume that Kubernetes swaps was put there by somebody else, wherever
    // it is mounted.
    if directory.join("..data").symlink_metadata().is_ok() {
        return None;
    }
    let top = directory.ancestors().take(UP).find(|above| above.join(".git").symlink_metadata().is_ok())?;
    head(&repository(top)?).map(Arc::from)
}

/// Where git keeps what belongs to this work tree.
fn repository(top: &Path) -> Option<PathBuf> {
    let entry = top.join(".git");
    if entry.is_dir() {
        return Some(entry);
    }
    // A work tree beside the first, or a submodule.
    Some(top.join(small(&entry)?.strip_prefix("gitdir:")?.trim()))
}

fn head(repository: &Path) -> Option<String> {
    // References of all work trees stand in the first one's.
    let common = match small(&repository.join("commondir")) {
        Some(path) => repository.join(path.trim()),
        None => repository.to_owned(),
    };
    let mut text = small(&repository.join("HEAD"))?;
    for _ in 0..LINKS {
        let Some(name) = text.strip_prefix("ref:").map(str::trim) else {
            return commit(&text).map(str::to_owned);
        };
        let path = reference(name)?;
        let loose = small(&repository.join(path)).or_else(|| small(&common.join(path)));
        text = loose.or_else(|| packed(&common, name))?;
    }
    None
}

/// The path of a reference, which never leads out of the repository.
fn reference(name: &str) -> Option<&Path> {
    let path = Path::new(name);
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    (name.starts_with("refs/") && inside).then_some(path)
}

/// A reference in the list of packed ones.
fn packed(common: &Path, name: &str) -> Option<String> {
    let list = BufReader::new(File::open(common.join("packed-refs")).ok()?.take(PACKED));
    for line in list.lines() {
        if let Some((commit, packed)) = line.ok()?.split_once(' ')
            && packed == name
        {
            return Some(commit.to_owned());
        }
    }
    None
}

/// The text as a commit: 40 hexadecimal digits, or 64.
fn commit(text: &str) -> Option<&str> {
    let text = text.trim();
    let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (digits && matches!(text.len(), 40 | 64)).then_some(text)
}

/// The text of a file that can't be large.
fn small(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = String::new();
    file.take(SMALL + 1).read_to_string(&mut text).ok()?;
    (text.len() as u64 <= SMALL).then_some(text)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn git(at: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(at)
            .args(["-c", "user.name=t", "-c", "user.email=t@t.test", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env_remove("GIT_DIR")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit_a(at: &Path) -> Arc<str> {
        git(at, &["commit", "-q", "--allow-empty", "-m", "a change"]);
        git(at, &["rev-parse", "HEAD"]).into()
    }

    /// A repository with a directory `policies` and one commit.
    fn repository() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("repository");
        let policies = top.join("policies/deep");
        fs::create_dir_all(&policies).unwrap();
        git(&top, &["init", "-q"]);
        (folder, top)
    }

    #[test]
    fn a_branch_a_packed_branch_and_a_bare_commit_are_found() {
        let (_folder, top) = repository();
        let policies = top.join("policies/deep");
        assert_eq!(of(&policies), None, "no commit yet");
        let first = commit_a(&top);
        assert_eq!(of(&policies), Some(Arc::clone(&first)));
        git(&top, &["pack-refs", "--all"]);
        assert!(!top.join(".git/refs/heads/main").exists());
        assert_eq!(of(&policies), Some(Arc::clone(&first)));
        let second = commit_a(&top);
        assert_eq!(of(&policies), Some(Arc::clone(&second)), "the loose one counts");
        git(&top, &["checkout", "-q", "--detach", &first]);
        assert_eq!(of(&policies), Some(first));
    }

    #[test]
    fn a_second_work_tree_and_a_link_to_it_are_found() {
        let (folder, top) = repository();
        commit_a(&top);
        let tree = folder.path().join("tree");
        git(&top, &["worktree", "add", "-q", "-b", "other", tree.to_str().unwrap()]);
        let other = commit_a(&tree);
        git(&top, &["pack-refs", "--all"]);
        // As git-sync does it.
        symlink("tree", folder.path().join("current")).unwrap();
        assert_eq!(of(&tree), Some(Arc::clone(&other)));
        assert_eq!(of(&folder.path().join("current")), Some(other));
        assert_ne!(of(&tree), of(&top));
    }

    #[test]
    fn what_is_no_work_tree_has_no_commit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of(folder.path()), None);
        assert_eq!(of(&folder.path().join("gone")), None);
        let (_folder, top) = repository();
        commit_a(&top);
        fs::create_dir(top.join("policies/..1")).unwrap();
        symlink("..1", top.join("policies/..data")).unwrap();
        assert_eq!(of(&top.join("policies")), None, "a volume of Kubernetes");
    }

    #[test]
    fn nothing_outside_of_the_repository_is_read() {
        let (folder, top) = repository();
        fs::write(folder.path().join("secret"), "0".repeat(40)).unwrap();
        for head in [
            "ref: ../../secret",
            "ref: refs/../../../secret",
            "ref: /etc/passwd",
            "ref: refs/heads/.invalid",
            "ref: refs/heads/loop",
            "0123",
            "",
            &"G".repeat(40),
            &"a".repeat(5000),
        ] {
            fs::write(top.join(".git/refs/heads/loop"), "ref: refs/heads/loop").unwrap();
            fs::write(top.join(".git/HEAD"), head).unwrap();
            assert_eq!(of(&top), None, "{head}");
        }
    }
}
