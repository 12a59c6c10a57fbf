//! What a file holds: a bootstrap, a config dump, xDS resources, or one of
//! these parts alone.
//!
//! Of a config dump, which shows the same thing in several places, that place
//! is looked at which tells what is in force.

use super::look::Look;
use super::message::{Message, Typed, twice};
use super::{admin, certificates, clusters, connection, listener, rewrites, routes, runtime};
use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::yaml::{Kind, Node};

/// The finding about a file without anything in it.
pub(super) fn nothing(file: FileId) -> Diagnostic {
    Diagnostic::at(Code::NotEnvoy, Span { file, start: 0, end: 0 }, "the file holds nothing")
        .label("nothing here")
        .help(WANTED)
}

const WANTED: &str = "give an Envoy bootstrap, or `curl -s localhost:9901/config_dump` with the port of Envoy's admin \
                      page";

/// The parts of a configuration, wherever they were found.
#[derive(Default)]
struct Parts<'a> {
    bootstraps: Vec<Message<'a>>,
    listeners: Vec<Message<'a>>,
    clusters: Vec<Message<'a>>,
    routes: Vec<Message<'a>>,
    managers: Vec<Message<'a>>,
    /// Whether listeners and clusters of the bootstrap are told of elsewhere,
    /// as they are in force.
    listeners_told: bool,
    clusters_told: bool,
}

/// Looks at everything in a file; whether that was anything.
pub(super) fn root<'a>(root: &'a Node, look: &Look<'a>) -> bool {
    let mut parts = Parts::default();
    let mut first = root.span;
    if let Kind::Map(_) = root.kind
        && let Some(message) = Message::read(root, root.span, look)
    {
        first = message.entries().first().map_or(first, |entry| entry.key_span);
        parts.add_root(message.pointed(first), look);
    }
    if parts.is_empty() {
        look.tell(
            Code::NotEnvoy,
            Span { end: root.span.start, ..root.span },
            "this is no bootstrap, config dump, listener, cluster or route configuration of Envoy",
            "not known here",
            WANTED,
        );
        return false;
    }
    // What is told of twice is looked at once.
    let mut skipped = vec!["RoutesConfigDump"];
    skipped.extend(parts.listeners_told.then_some("BootstrapConfigDump"));
    parts.inspect(first, look);
    sweep(root, &skipped, look);
    true
}

impl<'a> Parts<'a> {
    fn is_empty(&self) -> bool {
        let Self { bootstraps, listeners, clusters, routes, managers, listeners_told, clusters_told } = self;
        let lists = [bootstraps, listeners, clusters, routes, managers];
        !listeners_told && !clusters_told && lists.iter().all(|list| list.is_empty())
    }

    fn add_root(&mut self, root: Message<'a>, look: &Look<'a>) {
        if root.has("configs") {
            self.add_dump(root, look);
        } else if root.has("resources") {
            root.messages("resources", look).into_iter().for_each(|part| self.add_any(part, look));
        } else if root.has("@type") {
            self.add_any(root, look);
        } else if root.has("virtual_hosts") {
            self.routes.push(root);
        } else if root.has("filter_chains") || root.has("default_filter_chain") {
            self.listeners.push(root);
        } else if root.has("http_filters") {
            self.managers.push(root);
        } else if ["static_resources", "dynamic_resources", "admin"].iter().any(|field| root.has(field)) {
            self.bootstraps.push(root);
        }
    }

    fn add_dump(&mut self, root: Message<'a>, look: &Look<'a>) {
        let typed = root.messages("configs", look).into_iter().filter_map(|config| config.any(look));
        let configs: Vec<Typed<'a>> = typed.collect();
        let has = |name: &str| configs.iter().any(|config| config.is(name));
        self.listeners_told = has("ListenersConfigDump");
        self.clusters_told = has("ClustersConfigDump");
        if !self.listeners_told
            && !has("StaticListener")
            && !has("DynamicListener")
            && !has("BootstrapConfigDump")
        {
            look.unseen(root.at, "a config dump without listeners: nothing can be said of the filters");
        }
        configs.into_iter().for_each(|config| self.add_typed(config, look));
    }

    fn add_any(&mut self, message: Message<'a>, look: &Look<'a>) {
        if let Some(typed) = message.any(look) {
            self.add_typed(typed, look);
        }
    }

    fn add_typed(&mut self, typed: Typed<'a>, look: &Look<'a>) {
        let body = typed.body;
        let inner = |field: &str| body.message(field, look).map(|inner| inner.pointed(name_place(inner)));
        match typed.kind.rsplit('.').next().unwrap_or_default() {
            "Bootstrap" => self.bootstraps.push(body),
            "BootstrapConfigDump" => self.bootstraps.extend(inner("bootstrap")),
            "Listener" => self.listeners.push(body),
            "ListenersConfigDump" => {
                for field in ["static_listeners", "dynamic_listeners"] {
                    body.messages(field, look).into_iter().for_each(|part| self.add_listener(part, look));
                }
            }
            "StaticListener" | "DynamicListener" => self.add_listener(body, look),
            "Cluster" => self.clusters.push(body),
            "ClustersConfigDump" => {
                for field in ["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"] {
                    let found = body.messages(field, look).into_iter();
                    self.clusters.extend(found.filter_map(|part| part.message("cluster", look)));
                }
            }
            "StaticCluster" | "DynamicCluster" => self.clusters.extend(inner("cluster")),
            "RouteConfiguration" => self.routes.push(body),
            "RoutesConfigDump" => {
                // Those that stand in a listener are looked at there.
                let found = body.messages("dynamic_route_configs", look).into_iter();
                self.routes.extend(found.filter_map(|part| part.message("route_config", look)));
            }
            "StaticRouteConfig" | "DynamicRouteConfig" => self.routes.extend(inner("route_config")),
            "HttpConnectionManager" => self.managers.push(body),
            "EcdsConfigDump" => {
                for part in body.messages("ecds_filters", look) {
                    if let Some(filter) = part.message("ecds_filter", look) {
                        look.filters.borrow_mut().insert(filter.name(look).to_owned(), filter);
                    }
                }
            }
            "TypedExtensionConfig" => {
                look.filters.borrow_mut().insert(body.name(look).to_owned(), body);
            }
            // Nothing in these decides over a request.
            "ScopedRoutesConfigDump"
            | "SecretsConfigDump"
            | "EndpointsConfigDump"
            | "Secret"
            | "ClusterLoadAssignment"
            | "ScopedRouteConfiguration"
            | "Runtime" => {}
            _ => look.unreadable(
                body.at,
                format!("`{}` is not known here", typed.kind),
                "leave it out if it has nothing to do with requests",
            ),
        }
    }

    /// Whether nothing was found that answers requests, and nothing else was
    /// told that says so.
    fn no_manager(&self, look: &Look<'a>) -> bool {
        let routes_alone = self.listeners.is_empty() && !self.routes.is_empty();
        let told = [Code::EnvoyUnseen, Code::EnvoyUnreadable, Code::NotHttp];
        look.managers() == 0 && !routes_alone && !told.iter().any(|code| look.has_told(*code))
    }

    /// Where listeners are named, leaves the others, and what stands in none.
    fn choose(&mut self, root: Span, look: &Look<'a>) {
        let [_, ..] = look.listeners else { return };
        let there: Vec<&str> = self.listeners.iter().map(|listener| listener.name(look)).collect();
        for name in look.listeners.iter().filter(|name| !there.contains(&name.as_str())) {
            let help = match there.as_slice() {
                [] => "there is no listener in this file".to_owned(),
                some => format!("there are `{}`", some.join("`, `")),
            };
            look.unreadable(root, format!("no listener is called `{name}`"), help);
        }
        let is_chosen =
            |listener: &Message<'a>| look.listeners.iter().any(|name| name == listener.name(look));
        let (chosen, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.listeners).into_iter().partition(is_chosen);
        self.listeners = chosen;
        for listener in self.listeners.iter().filter(|_| !others.is_empty()) {
            if listener.is_on("use_original_dst", look) {
                look.tell(
                    Code::EnvoyUnseen,
                    listener.place("use_original_dst"),
                    format!("`{}` hands connections on to listeners that are not named", listener.name(look)),
                    "not looked at",
                    "name those with `--listener`, too, or look at the whole file",
                );
            }
        }
        others.into_iter().chain(std::mem::take(&mut self.managers)).for_each(|part| look.leave(part));
    }

    /// A listener of a dump: what takes connections, and what soon will.
    fn add_listener(&mut self, part: Message<'a>, look: &Look<'a>) {
        let states = ["active_state", "warming_state"].iter().filter_map(|state| part.message(state, look));
        for holder in states.chain([part]) {
            let listener = holder.message("listener", look);
            self.listeners.extend(listener.map(|listener| listener.pointed(name_place(listener))));
        }
    }

    fn inspect(mut self, root: Span, look: &Look<'a>) {
        for bootstrap in std::mem::take(&mut self.bootstraps) {
            admin::inspect(bootstrap, look);
            runtime::inspect(bootstrap, look);
            if let Some(resources) = bootstrap.message("static_resources", look) {
                if !self.listeners_told {
                    self.listeners.extend(resources.messages("listeners", look));
                }
                if !self.clusters_told {
                    self.clusters.extend(resources.messages("clusters", look));
                }
            }
            if let Some(dynamic) = bootstrap.message("dynamic_resources", look)
                && dynamic.has("lds_config")
                && !self.listeners_told
            {
                look.unseen(dynamic.place("lds_config"), "listeners that Envoy gets from elsewhere (LDS)");
            }
        }
        for cluster in &self.clusters {
            look.clusters.borrow_mut().insert(cluster.name(look).to_owned(), *cluster);
        }
        for routes in &self.routes {
            look.routes.borrow_mut().insert(routes.name(look).to_owned(), *routes);
        }
        self.choose(root, look);
        self.listeners.iter().for_each(|listener| listener::inspect(*listener, look));
        self.managers.iter().for_each(|manager| connection::inspect(*manager, look));
        // Those that no manager asks for by name, such as those of scopes.
        self.routes.iter().filter(|routes| !look.visited(routes.start())).for_each(|part| {
            match look.listeners {
                [] => routes::inspect(*part, None, look),
                _ => look.leave(*part),
            }
        });
        rewrites::inspect(look);
        if self.no_manager(look) {
            look.unseen(root, "no HTTP connection manager: nothing can be said of any request");
        }
        clusters::inspect(&self.clusters, look);
        let parts = [&self.listeners, &self.clusters, &self.managers];
        parts.into_iter().flatten().for_each(|part| certificates::inspect(*part, look));
    }
}

/// The place of a message's name, else the message's.
fn name_place(message: Message<'_>) -> Span {
    message.get("name").map_or(message.at, |name| name.value.span)
}

/// Looks for what decides over requests and stands where nobody looked.
fn sweep<'a>(root: &'a Node, skipped: &[&str], look: &Look<'a>) {
    match &root.kind {
        Kind::List(items) => items.iter().for_each(|item| sweep(item, skipped, look)),
        Kind::Map(_) if look.has_left(root.span.start) => {}
        Kind::Map(entries) => {
            if let Some((first, second)) = twice(entries) {
                let message = format!("`{}` stands here in two spellings", first.key);
                look.push(
                    Diagnostic::at(Code::EnvoyUnreadable, first.key_span, message)
                        .label("can't be judged")
                        .related(second.key_span, "the other")
                        .help("keep one of them"),
                );
            }
            let field = |name: &str| entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value);
            let kind = field("type_url").or_else(|| field("@type"));
            let start = field("type_url").and_then(|_| field("value")).unwrap_or(root).span.start;
            if let Some(Node { kind: Kind::Scalar { text: kind, .. }, span: at }) = kind {
                if skipped.iter().any(|name| kind.ends_with(name)) {
                    return;
                }
                let decides =
                    ["HttpConnectionManager", ".ExtAuthz", "ExtAuthzPerRoute", "RouteConfiguration"]
                        .iter()
                        .any(|name| kind.ends_with(name));
                if decides && !look.visited(start) {
                    let name = kind.rsplit('.').next().unwrap_or(kind);
                    look.unreadable(
                        *at,
                        format!("`{name}` stands in a place that is not known here"),
                        "put it where Envoy's documentation has it, or look at it yourself",
                    );
                    return;
                }
            }
            entries
                .iter()
                .filter(|entry| entry.key != "error_state" && entry.key != "draining_state")
                .for_each(|entry| sweep(&entry.value, skipped, look));
        }
        Kind::Scalar { .. } | Kind::Refused => {}
    }
}
