//! The numbers of the process that are not about decisions. What else is to be
//! counted has its place here.

use std::time::SystemTime;

use super::Admin;
use super::policy::seconds;
use crate::identity::Counts;
use crate::server::Reloads;
use crate::server::connections::{Tallies, Tally};
use crate::telemetry::{Figure, Figures, Spans};

impl Admin {
    /// All numbers as they are at `now`.
    pub(super) fn figures(&self, now: SystemTime) -> Figures {
        let mut figures = Figures::default();
        self.of_tokens(&mut figures);
        self.of_keys(now, &mut figures);
        of_policy(&self.progress.now(), now, &mut figures);
        let ready = self.standing.hindrances().is_empty();
        figures.add(
            Figure::gauge("doorward_ready", "Whether requests are wanted, as /readyz and gRPC health say")
                .is(ready),
        );
        self.of_ports(&mut figures);
        of_spans(self.telemetry.spans().map(|spans| &**spans), &mut figures);
        figures.add(
            Figure::counter("doorward_log_dropped", "Log lines that nobody read in time")
                .is(self.log.dropped()),
        );
        figures.add(
            Figure::gauge("doorward_build_info", "The version that runs")
                .of(&[("version", env!("DOORWARD_VERSION"))], true),
        );
        figures.add(
            Figure::gauge("process_start_time_seconds", "When the process began, in seconds since 1970")
                .is(seconds(self.started).as_secs_f64()),
        );
        figures
    }

    fn of_ports(&self, figures: &mut Figures) {
        let Tallies { grpc, http, admin } = &self.tallies;
        let open = |tally: &Tally| u64::try_from(tally.open()).unwrap_or(u64::MAX);
        let connections = Figure::gauge("doorward_connections", "Open connections by listener");
        figures.add(
            connections
                .of(&[("listener", "grpc")], open(grpc))
                .of(&[("listener", "http")], open(http))
                .of(&[("listener", "admin")], open(admin)),
        );
    }

    fn of_tokens(&self, figures: &mut Figures) {
        let Counts { hits, misses, unreadable_claims } = self.policy.current().verifier().counts();
        figures.add(Figure::counter("doorward_token_cache_hits", "Tokens that were remembered").is(hits));
        figures.add(
            Figure::counter("doorward_token_cache_misses", "Good tokens that had to be verified").is(misses),
        );
        figures.add(
            Figure::counter(
                "doorward_unreadable_claims",
                "Claims of good tokens that should list names and do not",
            )
            .is(unreadable_claims),
        );
    }

    fn of_keys(&self, now: SystemTime, figures: &mut Figures) {
        let snapshot = self.policy.current();
        let keys = snapshot.verifier().keys(seconds(now).as_secs());
        let mut count = Figure::gauge(
            "doorward_keys",
            "Keys by issuer that count now; without one every token is refused",
        );
        let mut failing =
            Figure::gauge("doorward_keys_failing", "Whether the last attempt to have the keys failed");
        let mut had = Figure::gauge(
            "doorward_keys_last_success_timestamp_seconds",
            "When the keys were last had or found unchanged",
        );
        let mut fetches = Figure::counter("doorward_key_fetches", "Attempts to fetch keys");
        for (issuer, keys) in keys {
            let fare = self.fares.of(issuer);
            let label = ("issuer", issuer);
            count = count.of(&[label], u64::try_from(keys).unwrap_or(u64::MAX));
            failing = failing.of(&[label], fare.is_failing());
            // A secret is had once, when the process starts.
            let fetched = fare.fetches();
            let when = fare.had().or_else(|| fetched.is_none().then(|| seconds(self.started).as_secs()));
            if let Some(when) = when {
                had = had.of(&[label], when);
            }
            if let Some((well, badly)) = fetched {
                fetches = fetches
                    .of(&[label, ("result", "success")], well)
                    .of(&[label, ("result", "failure")], badly);
            }
        }
        [count, failing, had, fetches].into_iter().for_each(|figure| figures.add(figure));
    }
}

fn of_spans(spans: Option<&Spans>, figures: &mut Figures) {
    let count = |of: fn(&Spans) -> u64| spans.map_or(0, of);
    for figure in [
        Figure::counter("doorward_trace_spans_exported", "Spans that the collector took")
            .is(count(Spans::exported)),
        Figure::counter("doorward_trace_spans_dropped", "Spans that are lost: no room, or not sent")
            .of(&[("reason", "queue_full")], count(|spans| spans.dropped().0))
            .of(&[("reason", "export_failed")], count(|spans| spans.dropped().1)),
        Figure::counter(
            "doorward_trace_checks_limited",
            "Checks that were not traced because of tracing.max_per_second",
        )
        .is(count(Spans::checks_limited)),
    ] {
        figures.add(figure);
    }
}

fn of_policy(reloads: &Reloads, now: SystemTime, figures: &mut Figures) {
    let Reloads { generation, revision, commit, loaded, last_attempt, last_success, failed, last_error } =
        reloads;
    let age = now.duration_since(*loaded).unwrap_or_default();
    let labels = [("revision", &**revision), ("commit", commit.as_deref().unwrap_or_default())];
    let at = |time: SystemTime| seconds(time).as_secs_f64();
    for figure in [
        Figure::gauge("doorward_policy_info", "The policy in force: content hash and git commit")
            .of(&labels, true),
        Figure::gauge("doorward_policy_generation", "The number of the policy in force; the first is 1")
            .is(*generation),
        Figure::gauge("doorward_policy_in_sync", "Whether the files are the policy in force")
            .is(last_error.is_none()),
        Figure::gauge("doorward_policy_loaded_timestamp_seconds", "When the policy came into force")
            .is(at(*loaded)),
        Figure::gauge("doorward_policy_age_seconds", "Since the policy came into force")
            .is(age.as_secs_f64()),
        Figure::gauge(
            "doorward_policy_last_attempt_timestamp_seconds",
            "When the policy files were last read",
        )
        .is(at(*last_attempt)),
        Figure::gauge(
            "doorward_policy_last_success_timestamp_seconds",
            "When the policy files were last read and are in force",
        )
        .is(at(*last_success)),
        Figure::counter(
            "doorward_policy_reload_failures",
            "Changes of policy files that did not come into force",
        )
        .is(*failed),
    ] {
        figures.add(figure);
    }
}
