//! What one inspection carries along: findings, what was seen, and the parts
//! that other parts name.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};

use super::managed::Managed;
use super::message::Message;
use super::rewrites::Lead;
use super::runtime::Layer;
use crate::diag::{Code, Diagnostic, Report, Span};

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// HTTP connection managers.
    pub managers: usize,
    /// Routes, those in several managers counted once.
    pub routes: usize,
}

/// One inspection.
pub(super) struct Look<'a> {
    pub(super) managed: &'a Managed,
    /// The listeners that are looked at; all of them where none is named.
    pub(super) listeners: &'a [String],
    report: RefCell<Report>,
    seen: Cell<Seen>,
    /// Where messages begin that were looked at.
    visited: RefCell<HashSet<usize>>,
    /// Where messages begin about which all was said.
    left: RefCell<HashSet<usize>>,
    /// Clusters by name.
    pub(super) clusters: RefCell<HashMap<String, Message<'a>>>,
    /// Clusters that checks go to, and where that is said.
    pub(super) authorizers: RefCell<Vec<(String, Span)>>,
    /// Route configurations by name, which managers ask for by name.
    pub(super) routes: RefCell<HashMap<String, Message<'a>>>,
    /// HTTP filters by name, which managers ask for by name.
    pub(super) filters: RefCell<HashMap<String, Message<'a>>>,
    /// What the runtime says, the last layer last.
    pub(super) runtime: RefCell<Vec<Layer<'a>>>,
    /// Where routes lead to.
    pub(super) leads: RefCell<Vec<Lead<'a>>>,
    /// Names that the ext_authz filters go by.
    pub(super) names: RefCell<HashSet<String>>,
}

impl<'a> Look<'a> {
    pub(super) fn new(managed: &'a Managed, listeners: &'a [String]) -> Self {
        Self {
            managed,
            listeners,
            report: RefCell::default(),
            seen: Cell::default(),
            visited: RefCell::default(),
            left: RefCell::default(),
            clusters: RefCell::default(),
            authorizers: RefCell::default(),
            routes: RefCell::default(),
            filters: RefCell::default(),
            runtime: RefCell::default(),
            leads: RefCell::default(),
            names: RefCell::default(),
        }
    }

    pub(super) fn into_parts(self) -> (Report, Seen) {
        (self.report.into_inner(), self.seen.get())
    }

    pub(super) fn push(&self, finding: Diagnostic) {
        self.report.borrow_mut().push(finding);
    }

    /// A finding in full: where, what, a few words beside it, what to write.
    pub(super) fn tell(
        &self,
        code: Code,
        at: Span,
        message: impl Into<String>,
        label: &str,
        help: impl Into<String>,
    ) {
        self.push(Diagnostic::at(code, at, message).label(label).help(help));
    }

    /// Something that Envoy reads in a way that is not known here.
    pub(super) fn unreadable(&self, at: Span, message: impl Into<String>, help: impl Into<String>) {
        self.tell(Code::EnvoyUnreadable, at, message, "can't be judged", help);
    }

    /// Something that Envoy gets from elsewhere.
    pub(super) fn unseen(&self, at: Span, message: impl Into<String>) {
        let help = "look at the config dump of a running Envoy, too: `curl -s localhost:9901/config_dump | \
                    doorward envoy -`, with the port of its admin page";
        self.tell(Code::EnvoyUnseen, at, message, "not in this file", help);
    }

    /// Marks a message as looked at; whether it was not before.
    pub(super) fn visit(&self, message: Message<'_>) -> bool {
        self.visited.borrow_mut().insert(message.start())
    }

    /// Marks a message whose parts don't matter.
    pub(super) fn leave(&self, message: Message<'_>) {
        self.left.borrow_mut().insert(message.start());
    }

    /// Whether the parts of what begins here don't matter.
    pub(super) fn has_left(&self, start: usize) -> bool {
        self.left.borrow().contains(&start)
    }

    pub(super) fn visited(&self, start: usize) -> bool {
        self.visited.borrow().contains(&start)
    }

    /// Whether a finding of this kind was made.
    pub(super) fn has_told(&self, code: Code) -> bool {
        self.report.borrow().diagnostics().iter().any(|finding| finding.code == code)
    }

    /// How many managers were looked at.
    pub(super) fn managers(&self) -> usize {
        self.seen.get().managers
    }

    pub(super) fn count(&self, managers: usize, routes: usize) {
        let Seen { managers: m, routes: r } = self.seen.get();
        self.seen.set(Seen { managers: m + managers, routes: r + routes });
    }
}
