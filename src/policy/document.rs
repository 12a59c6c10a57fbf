//! One file, and all files together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::binding::Binding;
use super::elsewhere::IN_A_FILE;
use super::invariant::Invariant;
use super::name::{Located, NetworkName};
use super::need::range;
use super::network::AddressRange;
use super::role::Role;
use super::route::Defaults;
use super::service::Service;
use super::suite::{Persona, Test};
use crate::diag::{Code as Diag, Diagnostic, Report, Span};
use crate::yaml::{Entry, Fields, Node, Shape, entries, items, key_name, texts};

/// Everything that all files of a policy directory say, each name once.
/// Sorted by name, so that neither file names nor their order matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// All roles.
    pub roles: Vec<Role>,
    /// All bindings, those of `groups:` among them.
    pub bindings: Vec<Binding>,
    /// All networks.
    pub networks: Vec<Network>,
    /// The defaults of every service.
    pub defaults: Defaults,
    /// All services.
    pub services: Vec<Service>,
    /// All callers of tests that have a name.
    pub personas: Vec<Persona>,
    /// All tests, in the order of files and of places in them. Nothing is
    /// decided by them, and no index holds them.
    pub tests: Vec<Test>,
    /// All invariants, in the same order, and kept from the index like tests.
    pub invariants: Vec<Invariant>,
}

/// A named set of address ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: Located<NetworkName>,
    /// Its ranges; never empty, unless there are findings.
    pub ranges: Vec<Located<AddressRange>>,
}

pub(super) const DOCUMENT: Shape = Shape {
    what: "a policy file",
    known: &[
        "roles",
        "bindings",
        "groups",
        "networks",
        "defaults",
        "services",
        "personas",
        "tests",
        "invariants",
    ],
    later: &[],
};

/// Joins files into one policy. Names defined twice are findings.
#[derive(Default)]
pub(super) struct Collector {
    policy: Policy,
    roles: BTreeMap<String, Span>,
    groups: BTreeMap<String, Span>,
    networks: BTreeMap<String, Span>,
    services: BTreeMap<String, Span>,
    personas: BTreeMap<String, Span>,
    tests: BTreeMap<String, Span>,
    invariants: BTreeMap<String, Span>,
    defaults: Option<Span>,
    /// Names or defaults could not be read: what others say about them can't
    /// be judged.
    gaps: bool,
}

impl Collector {
    /// Adds what one file says.
    pub(super) fn add(&mut self, document: &Node, report: &mut Report) {
        let Some(fields) = Fields::read_with(document, DOCUMENT, IN_A_FILE, report) else {
            self.gaps = true;
            return;
        };
        self.gaps |= fields.has_unknown();
        for entry in self.names(&fields, "roles", report) {
            match Role::read(entry, report) {
                Some(role) => {
                    if first(&mut self.roles, "role", role.name.value.as_str(), role.name.span, report) {
                        self.policy.roles.push(role);
                    }
                }
                None => self.gaps = true,
            }
        }
        for entry in self.names(&fields, "networks", report) {
            match Network::read(entry, report) {
                Some(network) => {
                    let name = &network.name;
                    if first(&mut self.networks, "network", name.value.as_str(), name.span, report) {
                        self.policy.networks.push(network);
                    }
                }
                None => self.gaps = true,
            }
        }
        for entry in self.names(&fields, "services", report) {
            if let Some(service) = Service::read(entry, report)
                && first(
                    &mut self.services,
                    "service",
                    service.name.value.as_str(),
                    service.name.span,
                    report,
                )
            {
                self.policy.services.push(service);
            }
        }
        if let Some(entry) = fields.get("bindings") {
            let bindings = items(&entry.value, "`bindings`", report).unwrap_or_default();
            self.policy.bindings.extend(bindings.iter().filter_map(|node| Binding::read(node, report)));
        }
        for entry in self.names(&fields, "groups", report) {
            let Some(binding) = Binding::of_group(entry, report) else { continue };
            match self.groups.entry(entry.key.clone()) {
                Slot::Occupied(before) => report.push(
                    twice(&format!("the group `{}`", entry.key), entry.key_span, *before.get())
                        .help("join them, or write the second one below `bindings:`"),
                ),
                Slot::Vacant(slot) => {
                    slot.insert(entry.key_span);
                    self.policy.bindings.push(binding);
                }
            }
        }
        self.suite(&fields, report);
        if let Some(entry) = fields.get("defaults") {
            match self.defaults {
                Some(before) => report.push(twice("`defaults`", entry.key_span, before)),
                None => {
                    self.defaults = Some(entry.key_span);
                    match Defaults::read(&entry.value, report) {
                        Some(defaults) => self.policy.defaults = defaults,
                        None => self.gaps = true,
                    }
                }
            }
        }
    }

    /// Adds callers, tests and invariants.
    fn suite(&mut self, fields: &Fields<'_>, report: &mut Report) {
        for entry in self.names(fields, "personas", report) {
            match Persona::read(entry, report) {
                Some(persona) => {
                    let name = &persona.name;
                    if first(&mut self.personas, "persona", name.value.as_str(), name.span, report) {
                        self.policy.personas.push(persona);
                    }
                }
                None => self.gaps = true,
            }
        }
        if let Some(entry) = fields.get("tests") {
            let tests = items(&entry.value, "`tests`", report).unwrap_or_default();
            for node in tests {
                let Some(test) = Test::read(node, report) else { continue };
                if first(&mut self.tests, "test", &test.name.value, test.name.span, report) {
                    self.policy.tests.push(test);
                }
            }
        }
        if let Some(entry) = fields.get("invariants") {
            let invariants = items(&entry.value, "`invariants`", report).unwrap_or_default();
            for node in invariants {
                let Some(invariant) = Invariant::read(node, report) else { continue };
                let name = &invariant.name;
                if first(&mut self.invariants, "invariant", &name.value, name.span, report) {
                    self.policy.invariants.push(invariant);
                }
            }
        }
    }

    /// A file could not be read at all.
    pub(super) fn gap(&mut self) {
        self.gaps = true;
    }

    /// The joined policy, if every name that it defines is in it.
    pub(super) fn finish(mut self) -> Option<Policy> {
        self.policy.roles.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        self.policy.networks.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        self.policy.services.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        self.policy.personas.sort_by(|a, b| a.name.value.cmp(&b.name.value));
        self.policy.bindings.sort_by(|a, b| {
            let key =
                |b: &Binding| (b.holder.value.clone(), b.roles.first().map(|r| r.value.clone()), b.span);
            key(a).cmp(&key(b))
        });
        (!self.gaps).then_some(self.policy)
    }

    /// The entries of a top-level mapping, which must not be empty.
    fn names<'a>(&mut self, fields: &Fields<'a>, key: &str, report: &mut Report) -> &'a [Entry] {
        let Some(entry) = fields.get(key) else { return &[] };
        let help =
            format!("write `{key}:` and below it, indented, one name and its definition after the other");
        let entries = entries(entry, "names", &help, report);
        self.gaps |= entries.is_none();
        entries.unwrap_or_default()
    }
}

impl Network {
    fn read(entry: &Entry, report: &mut Report) -> Option<Self> {
        let name = key_name(entry, "a network name", report).and_then(|t| NetworkName::read(t, report));
        let written = texts(&entry.value, "an address range", report);
        let ranges = written
            .into_iter()
            .filter_map(|t| Some(Located { value: range(t, report)?, span: t.span }))
            .collect();
        Some(Self { name: name?, ranges })
    }
}

fn first(seen: &mut BTreeMap<String, Span>, what: &str, name: &str, span: Span, report: &mut Report) -> bool {
    if let Some(before) = seen.get(name) {
        report.push(twice(&format!("the {what} `{name}`"), span, *before));
        return false;
    }
    seen.insert(name.to_owned(), span);
    true
}

fn twice(what: &str, span: Span, before: Span) -> Diagnostic {
    Diagnostic::at(Diag::DuplicateName, span, format!("{what} is defined twice"))
        .label("second definition")
        .related(before, "first definition")
        .help("keep one of them; all files of the directory are one policy")
}
