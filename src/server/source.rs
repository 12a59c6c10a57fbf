//! From the policy directory to what a snapshot needs: one way, for the start
//! and for every reload.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::commit;
use super::listing::Listing;
use super::startup::Findings;
use crate::compile::{self, Header, Index};
use crate::engine::HeaderPlan;

/// Where the policy lies, and what of the configuration it must go with.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) directory: PathBuf,
    /// The managed headers of all services.
    pub(super) headers: Vec<Header>,
    pub(super) prefixes: Vec<String>,
}

/// A policy as it was found.
pub(super) struct Found {
    /// The git commit that was checked out there before.
    pub(super) commit: Option<Arc<str>>,
    /// There is one if nothing is wrong.
    pub(super) index: Option<Index>,
    pub(super) findings: Findings,
}

impl Source {
    /// How the directory looks now.
    pub(super) fn list(&self) -> Listing {
        Listing::of(&self.directory)
    }

    /// The git commit that is checked out there now.
    pub(super) fn commit(&self) -> Option<Arc<str>> {
        commit::of(&self.directory)
    }

    /// Reads and compiles the policy. Whatever changes while it does shows in the
    /// next listing, if there was one before.
    pub(super) fn read(&self) -> Found {
        let commit = self.commit();
        let (index, sources, mut report) = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(now) => compile::load_at(&self.directory, now.as_secs()),
            // Checks are refused with that clock anyway.
            Err(_) => compile::load(&self.directory),
        };
        if let Some(index) = &index {
            compile::check_headers(index, &self.headers, &self.prefixes, &mut report);
            report.sort(&sources);
        }
        let index = index.filter(|_| !report.has_errors());
        Found { commit, index, findings: Findings { report, sources } }
    }

    /// How the managed headers are made under a policy.
    pub(super) fn plan(&self, index: &Index) -> HeaderPlan {
        HeaderPlan::new(&self.headers, index)
    }
}
