//! A replay for people: on a terminal, and in a pull request.

use std::fmt::Write;

use super::Replay;
use super::tally::{Direction, Group, Times, Undecided, Users};
use crate::policy::instant::utc;
use crate::review::command::quoted;
use crate::review::{markup, shown};

/// The most groups of one direction that are told.
const TOLD: usize = 50;

impl Replay<'_> {
    /// A page for a terminal. `policy` is the directory that examples name.
    pub fn text(&self, reasons: bool, policy: &str) -> String {
        let mut page = format!("{}\n", self.summary());
        for (direction, groups) in self.by_direction(reasons) {
            let _ = writeln!(page, "\n{}", title(direction));
            for group in groups.iter().take(TOLD) {
                let _ = writeln!(page, "  {}  {}", place(&group.service, &group.route), reasons_of(group));
                let _ = writeln!(page, "      {}{}", times(group.times), users(&group.users));
                if let Some(example) = &group.example {
                    let _ = writeln!(page, "      {}", command(example, policy));
                }
            }
            further(&mut page, groups.len(), "  ");
        }
        let open = self.open_groups();
        if !open.is_empty() {
            page.push_str("\nundecided\n");
        }
        for group in open.iter().take(TOLD) {
            let _ = writeln!(page, "  {}  {}", place(&group.service, &group.route), group.meaning);
            let _ = writeln!(page, "      {}", times(group.times));
        }
        further(&mut page, open.len(), "  ");
        if self.tally.broken > 0 {
            let _ = writeln!(page, "\nbroken lines: {}", self.tally.broken);
        }
        for line in &self.broken {
            let _ = writeln!(page, "  {}:{}: {}", shown(&line.file), line.line, line.why);
        }
        page
    }

    /// Markdown: a short summary, what changes, details folded.
    pub fn markdown(&self, reasons: bool, policy: &str) -> String {
        let mut page = format!("{}\n", markup(&self.summary()));
        for (direction, groups) in self.by_direction(reasons) {
            let _ = writeln!(page, "\n### {}\n", title(direction));
            page.push_str("| service | route | was | would be | requests | users | first | last |\n");
            page.push_str("|---|---|---|---|---|---|---|---|\n");
            for group in groups.iter().take(TOLD) {
                let cell = |text: &Option<String>| markup(text.as_deref().unwrap_or("-"));
                let Times { count, first, last } = group.times;
                let _ = writeln!(
                    page,
                    "| {} | {} | {} | {} | {count} | {} | {} | {} |",
                    cell(&group.service),
                    cell(&group.route),
                    markup(group.was.map_or("denied", |was| was.as_str())),
                    markup(group.now.as_str()),
                    counted(&group.users),
                    utc(first),
                    utc(last)
                );
            }
            further(&mut page, groups.len(), "\n");
            let examples: Vec<&String> =
                groups.iter().take(TOLD).filter_map(|group| group.example.as_ref()).collect();
            if !examples.is_empty() {
                page.push_str("\n<details><summary>Examples</summary>\n\n");
                // Indented: nothing in it is markup, whatever it holds.
                examples.iter().for_each(|example| {
                    let _ = writeln!(page, "    {}", command(example, policy));
                });
                page.push_str("\n</details>\n");
            }
        }
        let open = self.open_groups();
        if !open.is_empty() {
            page.push_str("\n<details><summary>Undecided</summary>\n\n| requests | why | service | route |\n|---|---|---|---|\n");
            for Undecided { meaning, service, route, times, .. } in open.iter().take(TOLD).copied() {
                let cell = |text: &Option<String>| markup(text.as_deref().unwrap_or("-"));
                let _ = writeln!(
                    page,
                    "| {} | {} | {} | {} |",
                    times.count,
                    markup(meaning),
                    cell(service),
                    cell(route)
                );
            }
            page.push_str("\n</details>\n");
        }
        page
    }

    fn summary(&self) -> String {
        let tally = &self.tally;
        let mut line = match tally.lines() - tally.broken {
            0 => return "no request was replayed".to_owned(),
            1 => "1 request replayed".to_owned(),
            count => format!("{count} requests replayed"),
        };
        let Times { first, last, .. } = tally.times;
        let _ = write!(line, ", {} to {}:", utc(first), utc(last));
        let _ = write!(
            line,
            " {} would open, {} would close, {} unchanged, {} undecided",
            tally.would_open, tally.would_close, tally.unchanged, tally.undecided
        );
        if tally.ungrouped > 0 {
            let _ = write!(line, " ({} of them in too many groups to tell)", tally.ungrouped);
        }
        line
    }

    fn by_direction(&self, reasons: bool) -> Vec<(Direction, Vec<&Group>)> {
        let groups = self.groups(reasons);
        [Direction::WouldOpen, Direction::WouldClose, Direction::Reason]
            .into_iter()
            .map(|direction| {
                (
                    direction,
                    groups.iter().copied().filter(|group| group.direction == direction).collect::<Vec<_>>(),
                )
            })
            .filter(|(_, groups)| !groups.is_empty())
            .collect()
    }
}

/// An example with the policy. What no terminal shows is escaped, and then no longer
/// what was asked.
fn command(example: &str, policy: &str) -> String {
    format!("{} --policies={}", shown(example), quoted(&shown(policy)))
}

fn title(direction: Direction) -> &'static str {
    match direction {
        Direction::WouldOpen => "would open",
        Direction::WouldClose => "would close",
        Direction::Reason => "would be denied for another reason",
    }
}

fn place(service: &Option<String>, route: &Option<String>) -> String {
    let service = service.as_deref().unwrap_or("(no service)");
    let route = route.as_deref().unwrap_or("(no route)");
    shown(&format!("{service}  {route}"))
}

fn reasons_of(group: &Group) -> String {
    let was = group.was.map_or("denied", |was| was.as_str());
    let place = group.place.as_ref().map(|place| format!(" ({})", shown(place))).unwrap_or_default();
    format!("{was} -> {}{place}", group.now.as_str())
}

fn times(Times { count, first, last }: Times) -> String {
    let requests = if count == 1 { "1 request".to_owned() } else { format!("{count} requests") };
    if first == last {
        return format!("{requests}, {}", utc(first));
    }
    format!("{requests}, {} to {}", utc(first), utc(last))
}

fn counted(users: &Users) -> String {
    format!("{}{}", if users.more { "over " } else { "" }, users.count())
}

fn users(users: &Users) -> String {
    let names: Vec<String> = users.names.iter().map(|name| shown(name)).collect();
    match users.count() {
        0 => String::new(),
        count if count == names.len() => format!(", by {}", names.join(", ")),
        _ => format!(", by {} users: {}, ..", counted(users), names.join(", ")),
    }
}

fn further(page: &mut String, all: usize, indent: &str) {
    if all > TOLD {
        let _ = writeln!(page, "{indent}and {} more: `--format json` has them all", all - TOLD);
    }
}
