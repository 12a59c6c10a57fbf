//! What the configuration says in each of two versions. It is not compared, but it
//! says where the policy lies: a policy that waits beside the one in force must not
//! come into force unseen.

use std::fs;
use std::path::Path;

use crate::cli::Failure;
use crate::cli::inputs::environment;
use crate::cli::revision::{Repository, Version};
use crate::config::Config;

/// The configuration of both versions.
pub(super) struct Configured<'c> {
    file: Option<&'c Path>,
    /// Of each version; none where it has none.
    texts: [Option<String>; 2],
    /// Whether a version is one of git, where the policy may lie elsewhere.
    in_git: [bool; 2],
}

impl<'c> Configured<'c> {
    /// Reads it: the file of the work tree for whatever is no revision.
    pub(super) fn new(
        file: Option<&'c Path>,
        versions: [&Version; 2],
        repository: &Repository,
    ) -> Result<Self, Failure> {
        let in_git = versions.map(|version| matches!(version, Version::Revision(_)));
        let text = |version: &Version| match (file, version) {
            (None, _) => Ok(None),
            (Some(file), Version::Revision(revision)) => repository.text_of(revision, file),
            (Some(file), Version::Directory(_)) => Ok(fs::read_to_string(file).ok()),
        };
        let [old, new] = versions;
        Ok(Self { file, texts: [text(old)?, text(new)?], in_git })
    }

    /// Where the policy of each version lies.
    pub(super) fn repositories(&self, repository: &Repository) -> [Repository; 2] {
        let directory = self.file.and_then(Path::parent);
        let of = |(text, in_git): (&Option<String>, bool)| {
            let named = text
                .as_ref()
                .filter(|_| in_git)
                .zip(directory)
                .map(|(text, directory)| directory.join(Config::policies_in(text, &environment)));
            Repository {
                policies: named.unwrap_or_else(|| repository.policies.clone()),
                ..repository.clone()
            }
        };
        let ([old, new], [old_in_git, new_in_git]) = (&self.texts, self.in_git);
        [of((old, old_in_git)), of((new, new_in_git))]
    }

    /// That it is not the same.
    pub(super) fn note(&self) -> Option<String> {
        let [old, new] = &self.texts;
        let file = self.file.filter(|_| old != new)?;
        Some(format!(
            "`{}` is not the same in both: what it says of issuers, tokens and headers is not compared",
            file.display()
        ))
    }
}
