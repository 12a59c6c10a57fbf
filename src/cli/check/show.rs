//! A decision for people and for programs.

use std::net::IpAddr;
use std::path::Path;

use crate::cli::{Style, Term};
use crate::compile::Index;
use crate::denial::{Answer, Told};
use crate::engine::{HeaderChanges, Lack, Origin, Reason};
use crate::policy::{Method, SpiffeId};
use crate::trial::{self, Asked, Words};

/// All that there is to tell.
pub(in crate::cli) struct Outcome<'a> {
    pub(in crate::cli) trial: &'a trial::Outcome<'a>,
    pub(in crate::cli) request: &'a Asked,
    pub(in crate::cli) service: Option<&'a str>,
    pub(in crate::cli) source: IpAddr,
    /// Whether nobody said where the request comes from.
    pub(in crate::cli) source_assumed: bool,
    /// Who is at the other end of the connection.
    pub(in crate::cli) peer: Option<&'a str>,
    pub(in crate::cli) origin: Origin,
    /// Whether the arguments name a caller; `None` where there are no arguments
    /// that could be short of anything.
    pub(in crate::cli) anybody: Option<bool>,
    pub(in crate::cli) directory: &'a Path,
    pub(in crate::cli) index: &'a Index,
}

/// The widest text that a place is aligned behind.
const ALIGNED: usize = 64;

/// A page for a person.
pub(in crate::cli) fn text(outcome: &Outcome<'_>, term: Term) -> String {
    let Outcome { trial, request, .. } = outcome;
    let trial::Outcome { decision, explanation, changes, answer } = trial;
    let (word, style) = match explanation.decision {
        "allow" => ("ALLOW", Style::Good),
        _ => ("DENY", Style::Bad),
    };
    let verdict = format!("{word} {} {}", explanation.status, explanation.reason);
    let target = format!("{} {}", request.method, request.path);
    let mut page = format!("{}   {}\n", term.paint(style, &verdict), target.escape_debug());

    let steps = explanation.steps.iter();
    let mut lines: Vec<Line<'_>> = steps
        .map(|note| Line {
            label: note.step,
            text: note.text.clone(),
            place: note.place.as_deref(),
            style: if note.passed { Style::Label } else { Style::Bad },
        })
        .collect();
    let all = decision.required(outcome.index).is_some_and(|required| required.all);
    for (at, lack) in explanation.missing.iter().enumerate() {
        let label = match (at, all) {
            (0, _) => "missing",
            (_, true) => "and",
            (_, false) => "or",
        };
        lines.push(Line { label, text: lack.to_string(), place: None, style: Style::Bad });
        lines.extend(bindings(lack));
    }
    if let Some(answer) = answer {
        lines.extend(told(decision.reason, answer).map(|text| Line::plain("answer", text)));
    }
    if let Some(changes) = changes {
        lines.extend(headers(changes));
    }
    let hints = outcome.anybody.into_iter().flat_map(|anybody| hints(outcome, anybody));
    lines.extend(hints.map(|hint| Line::plain("hint", hint)));
    let revision: String = outcome.index.revision().chars().take(12).collect();
    lines.push(Line::plain("policy", format!("{}, revision {revision}", directory(outcome.directory))));

    let placed = lines.iter().filter(|line| line.place.is_some());
    let width = placed.map(|line| line.text.chars().count()).filter(|width| *width <= ALIGNED).max();
    for line in lines {
        page.push_str(&line.render(width.unwrap_or(0), term));
    }
    page
}

/// What the caller has been given, though not for this request.
fn bindings(lack: &Lack) -> impl Iterator<Item = Line<'_>> {
    let near = lack.bindings();
    let bindings = near.bindings.iter();
    let lines = bindings
        .map(|binding| Line { place: Some(&binding.place), ..Line::plain("binding", binding.to_string()) });
    let more =
        (near.further_bindings > 0).then(|| Line::plain("", format!("and {} more", near.further_bindings)));
    lines.chain(more)
}

/// The policy directory as a person would write it.
pub(in crate::cli) fn directory(path: &Path) -> String {
    let text = path.display().to_string();
    text.strip_prefix("./").map_or_else(|| text.clone(), str::to_owned)
}

struct Line<'a> {
    label: &'a str,
    text: String,
    place: Option<&'a str>,
    style: Style,
}

impl Line<'_> {
    fn plain(label: &str, text: String) -> Line<'_> {
        Line { label, text, place: None, style: Style::Label }
    }

    fn render(&self, width: usize, term: Term) -> String {
        let Self { label, text, place, style } = self;
        // Padded before it is coloured: colours have no width.
        let label = term.paint(*style, &format!("{label:<9}"));
        match place {
            Some(place) => format!("  {label} {text:<width$}  {}\n", term.paint(Style::Quiet, place)),
            None => format!("  {label} {text}\n"),
        }
    }
}

/// What the caller is told, where it is not the reason in our own words.
fn told(reason: Reason, answer: &Answer<'_>) -> impl Iterator<Item = String> {
    let [about, link] = match answer {
        Answer::Login(location) => [Some(format!("the browser is sent to {}", location.as_str())), None],
        Answer::Refuse(Told { word, title, detail, request_access, .. }) => {
            let about = match word {
                None => Some("the caller is told the status, no more".to_owned()),
                Some(_) if detail.is_none() => Some(format!("the caller is told \"{title}\"")),
                Some(word) if *word != reason.as_str() => Some(format!("the caller is told {word}, no more")),
                Some(_) => None,
            };
            [about, request_access.as_ref().map(|url| format!("request access at {url}"))]
        }
    };
    about.into_iter().chain(link)
}

/// What the upstream is told. The look-alikes of managed names, which are
/// always removed, are many and the same for every request.
fn headers<'a>(changes: &'a HeaderChanges<'_>) -> impl Iterator<Item = Line<'a>> {
    let HeaderChanges { set, remove } = changes;
    let set = set.iter().map(|(name, value)| format!("sets {name}: {value}"));
    let odd = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let names: Vec<&str> = remove.iter().map(|name| &**name).filter(|name| !name.contains(odd)).collect();
    let removed = (!names.is_empty()).then(|| format!("removes {}", names.join(", ")));
    let lines: Vec<String> = set.chain(removed).collect();
    lines.into_iter().map(|text| Line::plain("headers", text))
}

/// What would tell more, where it is the arguments that are short of
/// something.
fn hints(outcome: &Outcome<'_>, anybody: bool) -> impl Iterator<Item = String> {
    let Outcome { trial, request, service, source, source_assumed, peer, index, .. } = outcome;
    let stranger = service.is_some_and(|name| index.service_named(name).is_none());
    let capitals = request.method.to_ascii_uppercase();
    let hint = match trial.decision.reason {
        Reason::ServiceUnknown if stranger => {
            let names: Vec<&str> = index.services().map(|(_, service)| &*service.name).collect();
            Some(format!("the policy has {}", names.join(", ")))
        }
        Reason::ServiceUnknown if request.host_assumed => Some(format!(
            "no `paths` hold this path, or `hosts` do not list {}, which was assumed: name the host with --host",
            request.host
        )),
        Reason::RequestMalformed if Method::of_request(&capitals).is_some() && capitals != request.method => {
            Some(format!("methods are compared exactly: {capitals}"))
        }
        Reason::IpDenied if *source_assumed => {
            Some(format!("the source address was taken to be {source}: name it with --source-ip"))
        }
        Reason::PeerDenied if peer.is_none() => {
            Some("name the SPIFFE id of the client certificate with --peer".to_owned())
        }
        Reason::TokenMissing if peer.is_some_and(|peer| SpiffeId::parse(peer).is_none()) => {
            Some("the peer is nobody: its name is not a SPIFFE id".to_owned())
        }
        Reason::TokenMissing if peer.is_some() => Some(
            "a peer needs no token where `peers` or a binding names it, but never stands in for the token of \
             `access: authenticated`"
                .to_owned(),
        ),
        Reason::TokenMissing if !anybody => {
            Some("say who calls with --token-file, --user or --claims".to_owned())
        }
        _ => None,
    };
    hint.into_iter()
}

/// One JSON object.
pub(in crate::cli) fn json(outcome: &Outcome<'_>) -> String {
    let Outcome { trial, request, service, source, peer, origin, directory, index, .. } = outcome;
    let words = Words {
        method: &request.method,
        host: &request.host,
        path: &request.path,
        service: *service,
        source_ip: Some(*source),
        peer: *peer,
    };
    let told = trial::Told::new(trial, words, *origin, index, self::directory(directory));
    // Texts, numbers and lists always serialise.
    let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
    text.push('\n');
    text
}
