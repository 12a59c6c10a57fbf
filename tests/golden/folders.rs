//! What is said about directories that are not as they should be. Their links,
//! pipes and huge files can't lie in a repository, so each case tells in its
//! file `tree` what to make, one a line:
//!
//! ```text
//! file NAME           a policy file with one service, called after the file
//! text NAME WORDS     a file with one line
//! dir NAME            an empty directory
//! link NAME TARGET    a symbolic link; TARGET as it is written
//! pipe NAME           a named pipe
//! large NAME BYTES    a file with a hole of that size
//! odd NAME            a file with a byte behind its name that is not UTF-8
//! root NAME           what to read instead of the directory itself
//! ```

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use doorward::compile::load;
use doorward::diag::{Format, render};

use crate::walk::walk;

fn folder(case: &Path) -> String {
    let made = tempfile::tempdir().unwrap();
    let mut root = made.path().join("policies");
    fs::create_dir(&root).unwrap();
    for line in fs::read_to_string(case.join("tree")).unwrap().lines() {
        let mut words = line.splitn(3, ' ');
        let (what, name) = (words.next().unwrap(), words.next().unwrap());
        let (path, rest) = (root.join(name), words.next().unwrap_or_default());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match what {
            "file" => fs::write(&path, one_service(path.file_stem().unwrap().to_str().unwrap())).unwrap(),
            "text" => fs::write(&path, format!("{rest}\n")).unwrap(),
            "dir" => fs::create_dir_all(&path).unwrap(),
            "link" => symlink(rest, &path).unwrap(),
            "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
            "large" => File::create(&path).unwrap().set_len(rest.parse().unwrap()).unwrap(),
            "odd" => {
                let mut bytes = path.as_os_str().as_bytes().to_vec();
                bytes.extend(b"\xff.yaml");
                fs::write(OsStr::from_bytes(&bytes), "").unwrap();
            }
            "root" => root = path,
            _ => panic!("{}: `{line}`", case.display()),
        }
    }
    let (index, sources, report) = load(&root);
    assert_eq!(index.is_none(), report.has_errors(), "{}", case.display());
    let found = render(&report, &sources, Format::Text { color: false });
    let routes = index.map_or(0, |index| index.routes().count());
    format!("routes: {routes}\n{found}").replace(made.path().to_str().unwrap(), "/etc/doorward")
}

fn one_service(name: &str) -> String {
    format!(
        "services: {{ {name}: {{ paths: [/{name}], routes: [{{ route: GET /{name}, access: denied }}] }} }}\n"
    )
}

#[test]
fn findings_about_directories_read_as_written() {
    walk("folder", folder);
}
