//! `tests:` - read once, run against one index after the other.
//!
//! A test is decided by the engine that decides for proxies, as `doorward check`
//! would decide it. Who calls is resolved once per index, not once per test, so
//! that a suite can be run against thousands of policies that differ a little.

mod caller;
mod finding;
mod time;

use std::sync::Arc;

use crate::compile::Service;
use crate::config::Issuer;
use crate::diag::{Place, Report, Span};
use crate::engine::{HeaderChanges, Headers, Input, Observer, Origin, Principal, Reason, Silent, Subject};
use crate::identity::Refusal;
use crate::policy::Policy;
use crate::policy::suite::{Asks, Body, Caller, Line, Setting, Told};
use crate::trial::{Asked, Court, Outcome, Verdict};
use crate::words::Target;
use caller::Callers;

pub use caller::Connection;
pub use finding::result;

/// All tests of a policy directory, ready to run.
#[derive(Debug)]
pub struct Suite {
    /// Whom the tokens of the callers speak for.
    subjects: Vec<Result<Subject, Refusal>>,
    cases: Vec<Case>,
}

/// One request by one caller, and what must become of it.
#[derive(Debug)]
pub struct Case {
    /// Its name: of a table, with the row and the column.
    pub name: String,
    /// Where the expected result stands.
    pub span: Span,
    /// The caller in a few words.
    pub caller: Arc<str>,
    /// The request as it was written.
    pub line: Arc<str>,
    /// The request.
    pub asked: Arc<Asked>,
    /// Who is at the other end of the connection, and where.
    pub connection: Connection,
    /// The service that the proxy names.
    pub service: Option<Arc<str>>,
    /// When, where it is said.
    pub at: Option<u64>,
    /// The reason that must decide.
    pub expect: Reason,
    /// Headers that the upstream must be told, by their names in lower case; an
    /// empty value for those that must be removed.
    pub told: Arc<[Told]>,
    /// The caller's token, by its number among the subjects.
    token: Option<usize>,
}

/// When the tests run that do not say when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this time, whatever depends on it: somebody said so.
    At(u64),
    /// At this time, which must not matter: a suite that holds today holds
    /// tomorrow.
    Any(u64),
}

impl When {
    /// Seconds since 1970.
    pub fn time(self) -> u64 {
        match self {
            Self::At(time) | Self::Any(time) => time,
        }
    }
}

/// What is wrong with what became of a test's request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// Another reason decided.
    Reason(Reason),
    /// A header is not what it must be.
    Header {
        /// Its name.
        name: Box<str>,
        /// What it must be; empty if removed.
        expected: Box<str>,
        /// What it is.
        got: Header,
        /// Where that is expected.
        span: Span,
    },
    /// What becomes of it depends on the time, of which the test says nothing.
    Time {
        /// What makes it so.
        why: String,
        /// Where that stands, below the policy directory.
        place: Place,
    },
}

/// What becomes of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// It is set.
    Set(String),
    /// It is removed.
    Removed,
    /// It is not managed: a client's own copy reaches the upstream.
    Unmanaged,
}

impl Suite {
    /// The tests of a policy. The issuers say how tokens of tests are read that
    /// are given by their claims; `None` if one can't be.
    pub fn new(policy: &Policy, issuers: &[Issuer], report: &mut Report) -> Option<Self> {
        let mut callers = Callers::new(policy, issuers);
        let mut cases = Vec::new();
        for test in &policy.tests {
            let Setting { service, at, .. } = &test.setting;
            let service: Option<Arc<str>> = service.as_deref().map(Into::into);
            let mut add =
                |name: String, line: &Line, asked: &Arc<Asked>, caller: &Caller, expect, span, told| {
                    let who = callers.of(caller);
                    cases.push(Case {
                        name,
                        span,
                        caller: who.name,
                        line: (&*line.text).into(),
                        asked: Arc::clone(asked),
                        connection: who.connection,
                        service: service.clone(),
                        at: *at,
                        expect,
                        told,
                        token: who.token,
                    });
                };
            match &test.asks {
                Asks::One { caller, request, expect, told } => {
                    let asked = asked(&request.value, &test.setting);
                    let name = test.name.value.to_string();
                    let told = told.as_slice().into();
                    add(name, &request.value, &asked, &caller.value, expect.value, expect.span, told);
                }
                Asks::Table { callers, rows } => {
                    for row in rows {
                        let asked = asked(&row.request.value, &test.setting);
                        for (caller, result) in callers.iter().zip(&row.results) {
                            let name = format!(
                                "{}: {} as {}",
                                test.name.value, row.request.value.text, caller.value
                            );
                            let told = [].into();
                            add(
                                name,
                                &row.request.value,
                                &asked,
                                &caller.value,
                                result.value,
                                result.span,
                                told,
                            );
                        }
                    }
                }
            }
        }
        let subjects = callers.subjects(report)?;
        Some(Self { subjects, cases })
    }

    /// All tests, in the order of files and of places in them.
    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Keeps the tests with one of these words in their names, or all if there
    /// are none.
    pub fn keep(&mut self, words: &[String]) {
        if !words.is_empty() {
            self.cases.retain(|case| words.iter().any(|word| case.name.contains(word.as_str())));
        }
    }

    /// The suite before one index.
    pub fn before<'s>(&'s self, court: Court<'s>, when: When) -> Session<'s> {
        let resolve = |subject: &Result<Subject, Refusal>| match subject {
            Ok(subject) => Ok(Arc::new(Principal::resolve(court.index, subject.clone()))),
            Err(refusal) => Err((refusal.reason, refusal.detail)),
        };
        Session { court, when, principals: self.subjects.iter().map(resolve).collect() }
    }

    /// Whether every test holds: the quick answer, for policies that nobody
    /// wrote.
    pub fn holds(&self, court: Court<'_>, when: When) -> bool {
        let session = self.before(court, when);
        self.cases.iter().all(|case| {
            let verdict = session.run(case, &mut Silent);
            verdict.decision.reason == case.expect && case.headers(verdict.changes.as_ref()).next().is_none()
        })
    }
}

/// The request of a line.
fn asked(line: &Line, setting: &Setting) -> Arc<Asked> {
    let Line { method, authority, path, plain, text: _ } = line;
    let target = Target { authority: authority.as_deref(), path: path.to_string(), plain: *plain };
    let host = setting.host.as_ref().map(|host| &*host.value);
    let headers = setting.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let body = setting.body.as_ref().map(|body| match body {
        Body::Text(text) => text.to_string(),
        Body::Json(datum) => datum.to_string(),
    });
    Arc::new(Asked::to(method, target, host, headers, body))
}

type Known = Result<Arc<Principal>, (Reason, &'static str)>;

/// A suite before one index: its callers are known.
#[derive(Debug)]
pub struct Session<'s> {
    court: Court<'s>,
    when: When,
    principals: Vec<Known>,
}

impl<'s> Session<'s> {
    /// Decides a test.
    pub fn run(&self, case: &Case, observer: &mut impl Observer) -> Verdict {
        let now = case.at.unwrap_or(self.when.time());
        self.run_at(case, now, observer)
    }

    fn run_at(&self, case: &Case, now: u64, observer: &mut impl Observer) -> Verdict {
        let pairs = case.asked.pairs();
        self.court.judge(&case.input(&pairs, now), |_: &Service| self.identify(case), observer)
    }

    /// Decides a test, and says why.
    pub fn explain(&self, case: &Case, id: &str) -> Outcome<'s> {
        let pairs = case.asked.pairs();
        let now = case.at.unwrap_or(self.when.time());
        self.court.decide(id, &case.input(&pairs, now), Origin::Asserted, |_: &Service| self.identify(case))
    }

    /// Everything that is wrong with what became of a test.
    pub fn misses(&self, case: &Case, verdict: &Verdict) -> Vec<Miss> {
        let reason = verdict.decision.reason;
        let mut misses: Vec<Miss> = match reason == case.expect {
            true => case.headers(verdict.changes.as_ref()).collect(),
            false => vec![Miss::Reason(reason)],
        };
        if let (When::Any(now), None) = (self.when, case.at) {
            misses.extend(time::dependence(self, case, verdict, now));
        }
        misses
    }

    fn identify(&self, case: &Case) -> Known {
        let known = case.token.and_then(|at| self.principals.get(at));
        known.cloned().unwrap_or(Err((Reason::TokenMissing, "nobody was named")))
    }
}

impl Case {
    fn input<'a>(&'a self, pairs: &'a [(&'a str, &'a [u8])], now: u64) -> Input<'a> {
        let Self { asked, connection, service, .. } = self;
        Input {
            method: &asked.method,
            host: &asked.host,
            path: &asked.path,
            service: service.as_deref(),
            source: Some(connection.source),
            peer: connection.peer.as_deref(),
            headers: Headers::new(pairs),
            scheme: &asked.scheme,
            body: asked.body.as_deref().map(str::as_bytes),
            now,
        }
    }

    /// The headers that are not what they must be.
    fn headers<'a>(&'a self, changes: Option<&'a HeaderChanges<'_>>) -> impl Iterator<Item = Miss> + 'a {
        self.told.iter().filter_map(move |told| {
            let Told { name, value } = told;
            let set = changes.and_then(|changes| changes.set.iter().find(|(set, _)| **set == *name.value));
            let removed =
                changes.is_some_and(|changes| changes.remove.iter().any(|gone| **gone == *name.value));
            let got = match set {
                Some((_, set)) => Header::Set(set.to_string()),
                None if removed => Header::Removed,
                None => Header::Unmanaged,
            };
            let fine = match &got {
                Header::Set(set) => **set == *value.value,
                Header::Removed => value.value.is_empty(),
                Header::Unmanaged => false,
            };
            (!fine).then(|| Miss::Header {
                name: name.value.clone(),
                expected: value.value.clone(),
                got,
                span: value.span,
            })
        })
    }
}
