//! Real directories, changed in the ways that editors, git and Kubernetes do.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::asking::asking;
use super::super::startup;
use super::*;

/// A policy with routes of these names.
fn policy(routes: &[&str]) -> String {
    let routes = routes.iter().map(|name| format!("      - {{ route: GET /a/{name}, access: denied }}\n"));
    format!("services:\n  a:\n    paths: [/a]\n    routes:\n{}", routes.collect::<String>())
}

struct World {
    folder: TempDir,
    reloader: Reloader,
}

impl World {
    /// Routes `1` to `4`, in force.
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(folder.path().join("policies/a.yaml"), policy(&["1", "2", "3", "4"])).unwrap();
        Self::of(folder, config)
    }

    fn of(folder: TempDir, config: &str) -> Self {
        fs::write(folder.path().join("doorward.yaml"), format!("policies: policies\n{config}")).unwrap();
        let start = startup::load(&folder.path().join("doorward.yaml")).unwrap_or_else(|f| panic!("{f:?}"));
        Self { folder, reloader: start.reloader }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, routes: &[&str]) {
        fs::write(self.path("policies/a.yaml"), policy(routes)).unwrap();
    }

    /// The names of the routes in force after a look.
    fn after_a_look(&mut self) -> String {
        self.reloader.look(false);
        self.in_force()
    }

    fn in_force(&self) -> String {
        let current = self.reloader.live.current();
        let names: Vec<_> =
            current.index().routes().map(|(_, r)| r.text.rsplit('/').next().unwrap().to_owned()).collect();
        names.join(" ")
    }

    fn reloads(&self) -> Reloads {
        self.reloader.progress().now()
    }

    /// What is wrong, if the first policy is still in force.
    fn refused(&mut self) -> String {
        assert_eq!(self.after_a_look(), "1 2 3 4");
        assert_eq!(self.reloads().generation, 1);
        self.reloads().last_error.unwrap().to_string()
    }
}

#[test]
fn a_change_comes_into_force_with_the_same_keys() {
    let mut world = World::new("");
    let before = world.reloader.live.current();
    world.write(&["1", "2", "3", "5"]);
    assert_eq!(world.after_a_look(), "1 2 3 5");
    let after = world.reloader.live.current();
    assert!(std::ptr::eq(before.verifier(), after.verifier()));
    let Reloads { generation, revision, failed, last_error, .. } = world.reloads();
    assert_eq!((generation, failed, last_error), (2, 0, None));
    assert_eq!(&revision, after.index().revision());
    assert_ne!(&revision, before.index().revision(), "whoever still has the old one keeps it whole");
    drop(after);
    world.reloader.look(false);
    assert_eq!(Arc::strong_count(&before), 1, "nothing else keeps the old one");
}

#[test]
fn an_unchanged_revision_is_no_reload() {
    let mut world = World::new("");
    world.write(&["1", "2", "3", "4"]);
    world.reloader.look(false);
    world.reloader.look(true);
    fs::write(world.path("policies/notes.txt"), "no policy").unwrap();
    fs::write(world.path("policies/.a.yaml.swp"), "no policy").unwrap();
    let seen = world.reloads().last_attempt;
    world.reloader.look(false);
    assert_eq!(world.reloads().last_attempt, seen, "what is no policy file is not even read");
    assert_eq!((world.reloads().generation, world.reloads().failed), (1, 0));
}

#[test]
fn a_file_renamed_over_another_and_a_new_directory_are_seen() {
    let mut world = World::new("");
    fs::write(world.path("policies/a.yaml.new"), policy(&["1", "2", "3", "6"])).unwrap();
    fs::rename(world.path("policies/a.yaml.new"), world.path("policies/a.yaml")).unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 6");
    fs::create_dir(world.path("policies/more")).unwrap();
    let more = policy(&["7"]).replace("  a:", "  b:").replace("/a", "/b");
    fs::write(world.path("policies/more/b.yaml"), more).unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 6 7");
    fs::remove_dir_all(world.path("policies/more")).unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 6");
}

#[test]
fn the_same_size_and_time_do_not_hide_a_change() {
    let mut world = World::new("");
    let file = world.path("policies/a.yaml");
    let time = fs::metadata(&file).unwrap().modified().unwrap();
    world.write(&["1", "2", "3", "9"]);
    fs::File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 9");
}

#[test]
fn a_swap_of_the_data_link_of_kubernetes_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("policies");
    let version = |name: &str, routes: &[&str]| {
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("a.yaml"), policy(routes)).unwrap();
    };
    version("..1", &["1", "2", "3", "4"]);
    symlink("..1", root.join("..data")).unwrap();
    symlink("..data/a.yaml", root.join("a.yaml")).unwrap();
    let mut world = World::of(folder, "");
    version("..2", &["1", "2", "3", "8"]);
    assert_eq!(world.after_a_look(), "1 2 3 4", "not before the swap");
    symlink("..2", world.path("policies/..data_tmp")).unwrap();
    fs::rename(world.path("policies/..data_tmp"), world.path("policies/..data")).unwrap();
    fs::remove_dir_all(world.path("policies/..1")).unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 8");
}

#[test]
fn a_broken_policy_is_told_once_a_change_and_mended() {
    let mut world = World::new("");
    let broken = policy(&["1"]).replace("denied", "deneid");
    fs::write(world.path("policies/a.yaml"), &broken).unwrap();
    assert!(world.refused().contains("deneid"));
    world.reloader.look(false);
    world.reloader.watch.look_again_now();
    world.reloader.look(false);
    assert_eq!(world.reloads().failed, 1, "the same files are not told again");
    fs::write(world.path("policies/a.yaml"), format!("{broken}\n")).unwrap();
    world.refused();
    assert_eq!(world.reloads().failed, 2);
    world.write(&["1", "2", "3", "4"]);
    assert_eq!(world.after_a_look(), "1 2 3 4");
    assert_eq!((world.reloads().generation, world.reloads().last_error), (1, None));
}

#[test]
fn headers_of_services_are_checked_as_at_the_start() {
    let mut world = World::new("");
    let with = |name: &str| {
        let text = policy(&["1", "2", "3", "5"]);
        text.replace("    routes:", &format!("    upstream_headers: {{ {name}: user.id }}\n    routes:"))
    };
    fs::write(world.path("policies/a.yaml"), with("x-forwarded-host")).unwrap();
    assert!(world.refused().contains("x-forwarded-host"));
    fs::write(world.path("policies/a.yaml"), with("x-user-name")).unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 5");
}

#[test]
fn an_empty_and_a_deleted_directory_change_nothing() {
    let mut world = World::new("");
    let file = world.path("policies/a.yaml");
    fs::write(&file, "").unwrap();
    assert!(world.refused().contains("no service"));
    fs::remove_file(&file).unwrap();
    assert!(world.refused().contains("no service"));
    fs::remove_dir(world.path("policies")).unwrap();
    assert!(world.refused().contains("can't be read"));
    fs::write(world.path("policies"), "not a directory").unwrap();
    world.refused();
    fs::remove_file(world.path("policies")).unwrap();
    symlink("nowhere", world.path("policies")).unwrap();
    world.refused();
    fs::remove_file(world.path("policies")).unwrap();
    fs::create_dir(world.path("policies")).unwrap();
    world.refused();
    world.write(&["1", "2", "3", "5"]);
    assert_eq!(world.after_a_look(), "1 2 3 5");
}

#[test]
fn most_routes_do_not_go_at_once_unless_that_is_allowed() {
    let mut world = World::new("");
    world.write(&["1"]);
    assert!(world.refused().contains("allow_shrink"));
    world.reloader.look(true);
    assert!(world.refused().contains("of 4 routes only 1"), "asking for it is no consent");
    world.write(&["1", "2"]);
    assert_eq!(world.after_a_look(), "1 2", "half of them may");
    world.write(&["1"]);
    assert_eq!(world.after_a_look(), "1", "in steps, all may");

    let mut world = World::new("reload: { allow_shrink: true }\n");
    world.write(&["1"]);
    assert_eq!(world.after_a_look(), "1");
    fs::write(world.path("policies/a.yaml"), "").unwrap();
    assert_eq!(world.after_a_look(), "1", "nothing at all is no policy even so");
}

#[test]
fn files_are_read_once_they_rest() {
    let mut world = World::new("");
    let (file, whole) = (world.path("policies/a.yaml"), policy(&["1", "2", "3", "5"]));
    let (half, rest) = whole.split_at(whole.len() / 2 + 3);
    fs::write(&file, half).unwrap();
    let slow = thread::spawn({
        let (file, rest): (PathBuf, String) = (file.clone(), rest.to_owned());
        move || {
            for byte in rest.bytes() {
                append(&file, byte);
                thread::yield_now();
            }
        }
    });
    world.reloader.look(false);
    slow.join().unwrap();
    assert_eq!(world.after_a_look(), "1 2 3 5");
}

fn append(file: &Path, byte: u8) {
    use std::io::Write;
    fs::File::options().append(true).open(file).unwrap().write_all(&[byte]).unwrap();
}

#[test]
fn where_times_do_not_tell_the_second_look_does() {
    let mut world = World::new("");
    world.write(&["1", "2", "3", "5"]);
    // As if the listing could not be told from the one before.
    world.reloader.watch.overlook();
    assert_eq!(world.after_a_look(), "1 2 3 4");
    world.reloader.watch.look_again_now();
    assert_eq!(world.after_a_look(), "1 2 3 5");
}

#[test]
fn the_thread_ends_with_those_who_ask_it() {
    let (asker, asked) = asking();
    let world = World::new("");
    let reloading = keep(world.reloader, None, asked).unwrap();
    asker.ask();
    drop(asker);
    assert!(reloading.ended.blocking_recv().is_err());
}

#[test]
fn who_asks_hears_what_came_of_it() {
    let world = World::new("");
    let file = world.path("policies/a.yaml");
    let (asker, asked) = asking();
    let World { folder: _folder, reloader } = world;
    let _reloading = keep(reloader, None, asked).unwrap();
    let ask = || asker.ask_and_hear().blocking_recv().unwrap();
    let Outcome { replaced, reloads } = ask();
    assert_eq!((replaced, reloads.generation, reloads.last_error), (false, 1, None));
    fs::write(&file, policy(&["1", "2", "3", "5"])).unwrap();
    let all = [asker.ask_and_hear(), asker.ask_and_hear()];
    for Outcome { replaced: _, reloads } in all.map(|heard| heard.blocking_recv().unwrap()) {
        assert_eq!((reloads.generation, reloads.last_error), (2, None));
    }
    fs::write(&file, "services: {}").unwrap();
    let Outcome { replaced, reloads } = ask();
    assert_eq!((replaced, reloads.generation), (false, 2));
    assert!(reloads.last_error.is_some());
}

#[test]
fn the_commit_is_that_of_the_policy_in_force() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/a.yaml"), policy(&["1", "2", "3", "4"])).unwrap();
    // As much of git as is read.
    fs::create_dir(folder.path().join(".git")).unwrap();
    let commit = |digit: &str| digit.repeat(40);
    let check_out = |folder: &Path, digit| fs::write(folder.join(".git/HEAD"), commit(digit)).unwrap();
    check_out(folder.path(), "a");
    let mut world = World::of(folder, "");
    let known = |world: &World| world.reloads().commit.unwrap().to_string();
    assert_eq!(known(&world), commit("a"));
    check_out(world.folder.path(), "b");
    world.reloader.look(false);
    assert_eq!(known(&world), commit("b"), "the same files");
    check_out(world.folder.path(), "c");
    world.write(&["1"]);
    world.refused();
    world.reloader.look(false);
    assert_eq!(known(&world), commit("b"), "what is held back is not in force");
    world.write(&["1", "2", "3", "5"]);
    world.after_a_look();
    assert_eq!(known(&world), commit("c"));
}
