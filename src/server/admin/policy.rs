//! The policy in force, told in JSON.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::reply::Reply;
use crate::gate::Snapshot;
use crate::policy::instant::utc;
use crate::server::Reloads;

/// What is told.
#[derive(Debug, Serialize)]
pub(super) struct Policy {
    revision: String,
    /// Null where the directory is no work tree of git.
    commit: Option<String>,
    generation: u64,
    /// Whether the files are the policy in force.
    in_sync: bool,
    loaded: String,
    last_attempt: String,
    last_success: String,
    /// Since it came into force.
    age_seconds: u64,
    /// Changes that did not come into force.
    failed: u64,
    services: usize,
    routes: usize,
    roles: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<Candidate>,
    /// Why the files are not in force. They may say much about a policy: left out
    /// for who may only look at numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
struct Candidate {
    revision: String,
}

impl Policy {
    /// As it stands at `now`; findings only for the trusted.
    pub(super) fn new(reloads: &Reloads, snapshot: &Snapshot, now: SystemTime, trusted: bool) -> Self {
        let index = snapshot.index();
        let Reloads { generation, revision, commit, loaded, last_attempt, last_success, failed, last_error } =
            reloads;
        Self {
            revision: revision.to_string(),
            commit: commit.as_deref().map(str::to_owned),
            generation: *generation,
            in_sync: last_error.is_none(),
            loaded: utc(seconds(*loaded).as_secs()),
            last_attempt: utc(seconds(*last_attempt).as_secs()),
            last_success: utc(seconds(*last_success).as_secs()),
            age_seconds: now.duration_since(*loaded).unwrap_or_default().as_secs(),
            failed: *failed,
            services: index.services().count(),
            routes: index.routes().count(),
            roles: index.roles().count(),
            candidate: snapshot.candidate().map(|index| Candidate { revision: index.revision().to_string() }),
            last_error: last_error
                .as_ref()
                .filter(|_| trusted)
                .map(|why| why.lines().map(str::to_owned).collect()),
        }
    }
}

/// Since 1970.
pub(super) fn seconds(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The answer to who asks for it.
pub(super) fn reply(status: u16, policy: &Policy) -> Reply {
    Reply::json(status, policy)
}

/// The answer to who asked for a reload.
pub(super) fn outcome(status: u16, outcome: &'static str, policy: &Policy) -> Reply {
    #[derive(Serialize)]
    struct Told<'a> {
        outcome: &'static str,
        policy: &'a Policy,
    }
    Reply::json(status, &Told { outcome, policy })
}
