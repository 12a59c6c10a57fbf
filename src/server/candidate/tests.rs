#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;

use tempfile::TempDir;

use super::super::startup;
use super::*;

const POLICY: &str = "services: { a: { paths: [/a], routes: [{ route: GET /a, access: denied }] } }";
const OTHER: &str = "services: { a: { paths: [/a], routes: [{ route: GET /a, access: anonymous }] } }";

struct World {
    folder: TempDir,
    candidate: Candidate,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("policies")).unwrap();
        fs::write(folder.path().join("policies/a.yaml"), POLICY).unwrap();
        let config = "policies: policies\npolicies_candidate: next\n";
        fs::write(folder.path().join("doorward.yaml"), config).unwrap();
        let start = startup::load(&folder.path().join("doorward.yaml")).unwrap_or_else(|f| panic!("{f:?}"));
        Self { folder, candidate: start.candidate.unwrap() }
    }

    fn write(&self, policy: &str) {
        let next = self.folder.path().join("next");
        fs::create_dir_all(&next).unwrap();
        fs::write(next.join("a.yaml"), policy).unwrap();
    }

    /// The candidate after a look, and whether it is what the files say.
    fn after_a_look(&mut self) -> (Option<String>, bool) {
        self.candidate.look(false);
        let current = self.candidate.live.current();
        assert_eq!(current.index().routes().count(), 1);
        let revision = current.candidate().map(|index| index.revision().to_string());
        let text = self.candidate.telemetry.metrics().text(crate::telemetry::Figures::default()).unwrap();
        (revision, text.lines().any(|line| line == "doorward_candidate_in_sync 1"))
    }
}

#[test]
fn a_candidate_that_is_missing_or_broken_is_none() {
    let mut world = World::new();
    let before = world.candidate.live.current();
    assert_eq!(world.after_a_look(), (None, false));
    world.write("services: {");
    assert_eq!(world.after_a_look(), (None, false));
    assert!(Arc::ptr_eq(&before, &world.candidate.live.current()), "the policy in force is not touched");
}

#[test]
fn a_candidate_comes_goes_and_comes_back_with_its_files() {
    let mut world = World::new();
    let enforced = world.candidate.live.current().index().revision().clone();
    world.write(OTHER);
    let (first, in_sync) = world.after_a_look();
    assert!(in_sync && first.as_deref() != Some(&*enforced));
    world.write(POLICY);
    let (second, in_sync) = world.after_a_look();
    assert!(in_sync && second.is_some() && second != first);
    world.write("services: {");
    assert_eq!(world.after_a_look(), (None, false), "what its files say is no policy");
    world.write(OTHER);
    assert_eq!(world.after_a_look(), (first, true));
    assert_eq!(world.candidate.live.current().index().revision(), &enforced);
}

#[test]
fn the_candidate_stays_when_the_policy_in_force_changes() {
    let mut world = World::new();
    world.write(OTHER);
    let (candidate, _) = world.after_a_look();
    let current = world.candidate.live.current();
    let (index, _, _) = crate::compile::load(&world.folder.path().join("next"));
    let next = current.successor(index.unwrap(), Default::default(), Default::default());
    assert_eq!(next.candidate().map(|index| index.revision().to_string()), candidate);
}
