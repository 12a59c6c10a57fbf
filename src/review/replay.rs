//! A log decided again by another policy: which requests that were really made would
//! end otherwise.
//!
//! Nothing is guessed. What a line does not say of a request is a reason to leave it
//! undecided, if the decision depends on it. Memory is bounded whatever a log holds.

mod decide;
mod decision_log;
mod envoy;
mod example;
mod json;
mod lines;
mod seen;
mod tally;
mod text;

use std::io::{self, BufRead};

use self::decide::Judge;
use self::seen::Seen;
use self::tally::Tally;
use crate::compile::Index;
use crate::config::OnAnonymous;

pub use self::envoy::{Field, Fields};
pub use self::tally::{Direction, Group, Undecided};

/// How lines are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Each as what it looks like.
    #[default]
    Auto,
    /// Doorward's decision log.
    Decisions,
    /// Envoy's access log in JSON.
    Envoy,
}

/// How to replay.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// How lines are read.
    pub form: Form,
    /// Where in a line of Envoy's what stands.
    pub fields: Fields,
    /// Whether a line that does not say which of a caller's names are the token's is
    /// taken to name all that the token gives.
    pub trust_roles: bool,
    /// What becomes of a token on a route that everyone may call.
    pub on_anonymous: OnAnonymous,
}

/// The most broken lines that are told one by one.
const TOLD: usize = 5;

/// Lines that were read and decided again.
#[derive(Debug)]
pub struct Replay<'i> {
    plan: Plan,
    judge: Judge<'i>,
    tally: Tally,
    broken: Vec<Broken>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: String,
    /// Its number, from 1.
    pub line: u64,
    /// What is wrong with it. Nothing of the line itself.
    pub why: &'static str,
}

impl<'i> Replay<'i> {
    /// Nothing replayed yet.
    pub fn new(index: &'i Index, plan: Plan) -> Self {
        let judge = Judge::new(index, plan.on_anonymous);
        Self { plan, judge, tally: Tally::default(), broken: Vec::new() }
    }

    /// Decides every line of a log again. `progress` is told the bytes of each.
    pub fn read(&mut self, name: &str, log: impl BufRead, mut progress: impl FnMut(u64)) -> io::Result<()> {
        let mut lines = lines::Lines::new(log);
        while let Some(line) = lines.next()? {
            progress(line.read);
            let seen = match line.text {
                Ok([]) => continue,
                Ok(text) => self.seen(text),
                Err(why) => Err(why),
            };
            match seen {
                Ok(seen) => {
                    let end = self.judge.decide(&seen);
                    self.tally.add(self.judge.index(), &seen, end);
                }
                Err(why) => {
                    self.tally.broken += 1;
                    if self.broken.len() < TOLD {
                        self.broken.push(Broken { file: name.to_owned(), line: line.number, why });
                    }
                }
            }
        }
        Ok(())
    }

    fn seen(&self, text: &[u8]) -> Result<Seen, &'static str> {
        let trust = self.plan.trust_roles;
        match self.plan.form {
            Form::Decisions => decision_log::read(text, trust),
            Form::Envoy => envoy::read(text, &self.plan.fields, trust),
            // Only Doorward's own lines have an id of the decision beside its words.
            Form::Auto => decision_log::read(text, trust).or_else(|why| {
                match envoy::read(text, &self.plan.fields, trust) {
                    Ok(seen) if why == decision_log::ANOTHER => Ok(seen),
                    Ok(_) => Err(why),
                    Err(other) => Err(if why == decision_log::ANOTHER { other } else { why }),
                }
            }),
        }
    }

    /// How many lines were read, broken ones included.
    pub fn lines(&self) -> u64 {
        self.tally.lines()
    }

    /// How many lines could not be read.
    pub fn broken(&self) -> u64 {
        self.tally.broken
    }

    /// The first of them.
    pub fn broken_lines(&self) -> &[Broken] {
        &self.broken
    }

    /// How many requests would be allowed that were denied.
    pub fn would_open(&self) -> u64 {
        self.tally.would_open
    }

    /// How many requests would be denied that were allowed.
    pub fn would_close(&self) -> u64 {
        self.tally.would_close
    }

    /// How many requests can't be decided again.
    pub fn undecided(&self) -> u64 {
        self.tally.undecided
    }

    /// How many requests would end as they did, for whatever reason.
    pub fn unchanged(&self) -> u64 {
        self.tally.unchanged
    }

    /// What would change, the most frequent first. Other reasons for the same end
    /// are told too where `reasons` says so.
    pub fn groups(&self, reasons: bool) -> Vec<&Group> {
        self.tally.groups(reasons)
    }

    /// What can't be decided, the most frequent first.
    pub fn open_groups(&self) -> Vec<&Undecided> {
        self.tally.open_groups()
    }
}
