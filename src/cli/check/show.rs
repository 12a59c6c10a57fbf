//! A decision for people and for programs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde::Serialize;

use super::request::Request;
use crate::cli::{Style, Term};
use crate::compile::Index;
use crate::denial::{Answer, Told};
use crate::engine::{Decision, Explanation, HeaderChanges, Lack, Origin, Proof, Reason};
use crate::policy::{Method, SpiffeId};

/// All that there is to tell.
pub(super) struct Outcome<'a> {
    pub(super) decision: &'a Decision,
    pub(super) explanation: &'a Explanation,
    pub(super) request: &'a Request,
    pub(super) service: Option<&'a str>,
    pub(super) source: IpAddr,
    /// Whether nobody said where the request comes from.
    pub(super) source_assumed: bool,
    /// Who is at the other end of the connection.
    pub(super) peer: Option<&'a str>,
    pub(super) origin: Origin,
    /// Whether the arguments name a caller.
    pub(super) anybody: bool,
    /// What becomes of the request's headers, where a configuration says so.
    pub(super) changes: Option<&'a HeaderChanges>,
    /// What the caller gets instead, on a denial.
    pub(super) answer: Option<&'a Answer<'a>>,
    pub(super) directory: &'a Path,
    pub(super) index: &'a Index,
}

/// The widest text that a place is aligned behind.
const ALIGNED: usize = 64;

/// A page for a person.
pub(super) fn text(outcome: &Outcome<'_>, term: Term) -> String {
    let Outcome { decision, explanation, request, .. } = outcome;
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
    if let Some(answer) = outcome.answer {
        lines.extend(told(decision.reason, answer).map(|text| Line::plain("answer", text)));
    }
    if let Some(changes) = outcome.changes {
        lines.extend(headers(changes));
    }
    lines.extend(hints(outcome).map(|hint| Line::plain("hint", hint)));
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
fn directory(path: &Path) -> String {
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
fn headers(changes: &HeaderChanges) -> impl Iterator<Item = Line<'_>> {
    let HeaderChanges { set, remove } = changes;
    let set = set.iter().map(|(name, value)| format!("sets {name}: {value}"));
    let odd = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let managed = |name: &&std::sync::Arc<str>| !name.contains(odd);
    let names: Vec<&str> = remove.iter().filter(managed).map(|name| &**name).collect();
    let removed = (!names.is_empty()).then(|| format!("removes {}", names.join(", ")));
    let lines: Vec<String> = set.chain(removed).collect();
    lines.into_iter().map(|text| Line::plain("headers", text))
}

/// What would tell more, where it is the arguments that are short of
/// something.
fn hints(outcome: &Outcome<'_>) -> impl Iterator<Item = String> {
    let Outcome { decision, request, service, source, source_assumed, peer, anybody, index, .. } = outcome;
    let stranger = service.is_some_and(|name| index.service_named(name).is_none());
    let capitals = request.method.to_ascii_uppercase();
    let hint = match decision.reason {
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

#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    explanation: &'a Explanation,
    /// What the caller is told, unless no reason is.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_reason: Option<&'a str>,
    #[serde(flatten)]
    answer: JsonAnswer<'a>,
    request: JsonRequest<'a>,
    /// Who called, where the route asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<JsonCaller<'a>>,
    /// On an allow, where a configuration was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<JsonHeaders<'a>>,
    policy: JsonPolicy<'a>,
}

/// On a denial, what the caller gets.
#[derive(Serialize, Default)]
struct JsonAnswer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_access: Option<&'a str>,
    /// Where a browser is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonRequest<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
    source_ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonCaller<'a> {
    verified: bool,
    user: &'a str,
    /// Those of the policy that count on this request, the primary role first.
    roles: Vec<&'a str>,
    groups: &'a [String],
    codes: Vec<&'a str>,
}

#[derive(Serialize)]
struct JsonHeaders<'a> {
    set: BTreeMap<&'a str, &'a str>,
    remove: Vec<&'a str>,
}

#[derive(Serialize)]
struct JsonPolicy<'a> {
    directory: String,
    revision: &'a str,
}

/// One JSON object.
pub(super) fn json(outcome: &Outcome<'_>) -> String {
    let Outcome {
        decision,
        explanation,
        request,
        service,
        source,
        peer,
        origin,
        changes,
        answer,
        directory,
        index,
        ..
    } = outcome;
    let (word, answer) = match answer {
        None => (Some(decision.reason.public_word()), JsonAnswer::default()),
        Some(Answer::Login(to)) => {
            (None, JsonAnswer { location: Some(to.as_str()), ..JsonAnswer::default() })
        }
        Some(Answer::Refuse(Told { word, title, request_access, .. })) => {
            let request_access = request_access.as_deref();
            (*word, JsonAnswer { public_title: Some(title), request_access, location: None })
        }
    };
    let told = Json {
        explanation,
        public_reason: word,
        answer,
        request: JsonRequest {
            method: &request.method,
            host: &request.host,
            path: &request.path,
            service: *service,
            source_ip: *source,
            peer: *peer,
        },
        caller: decision.held(index).map(|held| JsonCaller {
            verified: *origin == Origin::Token && held.principal().subject().proof == Proof::Token,
            user: &held.principal().subject().user,
            roles: held.role_names(),
            groups: &held.principal().subject().groups,
            codes: held.codes().collect(),
        }),
        headers: changes.map(|changes| JsonHeaders {
            set: changes.set.iter().map(|(name, value)| (&**name, value.as_str())).collect(),
            remove: changes.remove.iter().map(|name| &**name).collect(),
        }),
        policy: JsonPolicy { directory: self::directory(directory), revision: index.revision() },
    };
    // Texts, numbers and lists always serialise.
    let mut text = serde_json::to_string_pretty(&told).unwrap_or_default();
    text.push('\n');
    text
}
