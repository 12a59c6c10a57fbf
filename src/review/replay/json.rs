//! A replay for programs.

use serde::Serialize;

use super::Replay;
use super::tally::Times;
use crate::policy::instant::utc;

#[derive(Serialize)]
struct Told<'a> {
    revision: &'a str,
    lines: u64,
    unchanged: u64,
    would_open: u64,
    would_close: u64,
    undecided: u64,
    broken: u64,
    /// Requests that changed or are undecided, and stand in no group.
    #[serde(skip_serializing_if = "is_zero")]
    ungrouped: u64,
    changes: Vec<ToldGroup<'a>>,
    undecided_because: Vec<ToldOpen<'a>>,
    broken_lines: Vec<ToldBroken<'a>>,
}

#[derive(Serialize)]
struct ToldGroup<'a> {
    direction: &'a str,
    service: Option<&'a str>,
    route: Option<&'a str>,
    place: Option<&'a str>,
    was: Option<&'a str>,
    now: &'a str,
    #[serde(flatten)]
    times: ToldTimes,
    users: usize,
    /// Whether there are more users than were counted.
    more_users: bool,
    some_users: &'a [String],
    example: Option<&'a str>,
}

#[derive(Serialize)]
struct ToldOpen<'a> {
    why: &'a str,
    meaning: &'a str,
    service: Option<&'a str>,
    route: Option<&'a str>,
    #[serde(flatten)]
    times: ToldTimes,
}

#[derive(Serialize)]
struct ToldTimes {
    count: u64,
    first: String,
    last: String,
}

#[derive(Serialize)]
struct ToldBroken<'a> {
    file: &'a str,
    line: u64,
    why: &'a str,
}

impl From<Times> for ToldTimes {
    fn from(Times { count, first, last }: Times) -> Self {
        Self { count, first: utc(first), last: utc(last) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Replay<'_> {
    /// One JSON object.
    pub fn json(&self, reasons: bool) -> String {
        let changes = self.groups(reasons).into_iter().map(|group| ToldGroup {
            direction: group.direction.as_str(),
            service: group.service.as_deref(),
            route: group.route.as_deref(),
            place: group.place.as_deref(),
            was: group.was.map(|reason| reason.as_str()),
            now: group.now.as_str(),
            times: group.times.into(),
            users: group.users.count(),
            more_users: group.users.more,
            some_users: &group.users.names,
            example: group.example.as_deref(),
        });
        let open = self.open_groups().into_iter().map(|group| ToldOpen {
            why: group.why,
            meaning: group.meaning,
            service: group.service.as_deref(),
            route: group.route.as_deref(),
            times: group.times.into(),
        });
        let broken =
            self.broken.iter().map(|line| ToldBroken { file: &line.file, line: line.line, why: line.why });
        let told = Told {
            revision: self.judge.index().revision(),
            lines: self.lines(),
            unchanged: self.tally.unchanged,
            would_open: self.tally.would_open,
            would_close: self.tally.would_close,
            undecided: self.tally.undecided,
            broken: self.tally.broken,
            ungrouped: self.tally.ungrouped,
            changes: changes.collect(),
            undecided_because: open.collect(),
            broken_lines: broken.collect(),
        };
        // Texts, numbers and lists always serialise.
        let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
        text.push('\n');
        text
    }
}
