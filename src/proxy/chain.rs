//! The HTTP filters of a manager, in their order: is there a check, and what
//! happens to a request before and after it?

use super::ext_authz;
use super::look::Look;
use super::matcher::Mutations;
use super::message::Message;
use crate::diag::{Code, Span};

/// Filters before the check that refuse requests at most, or look at what is
/// not part of it. What ends in `.` is a name of a group.
const QUIET_BEFORE: &[&str] = &[
    "admission_control",
    "alternate_protocols_cache",
    "bandwidth_limit",
    "buffer",
    "compressor",
    "connect_grpc_bridge",
    "csrf",
    "decompressor",
    "fault",
    "file_system_buffer",
    "grpc_field_extraction",
    "grpc_stats",
    "header_to_metadata",
    "ip_tagging",
    "json_to_metadata",
    "kill_request",
    "local_ratelimit",
    "on_demand",
    "proto_message_extraction",
    "rate_limit_quota",
    "ratelimit",
    "rbac",
    "set_filter_state",
    "set_metadata",
    "stats",
    "tap",
    "thrift_to_metadata",
];

/// Filters that do not change where a request goes nor what it says.
const LATE: &[&str] = &[
    "admission_control",
    "alternate_protocols_cache",
    "bandwidth_limit",
    "buffer",
    "compressor",
    "cors",
    "csrf",
    "decompressor",
    "dynamic_forward_proxy",
    "fault",
    "grpc_stats",
    "kill_request",
    "local_ratelimit",
    "rate_limit_quota",
    "ratelimit",
    "rbac",
    "set_filter_state",
    "set_metadata",
    "stateful_session",
    "stats",
    "tap",
];

/// One filter.
struct Filter<'a> {
    message: Message<'a>,
    /// Such as `ext_authz`, or the whole name of a type that is not Envoy's.
    kind: String,
    body: Option<Message<'a>>,
    /// Whether it looks at requests only where a matcher says so.
    conditional: bool,
}

/// The filters of one manager.
pub(super) struct Chain<'a> {
    filters: Vec<Filter<'a>>,
    at: Span,
    trailers: Mutations,
    names: Vec<&'a str>,
    /// Where a check is asked by HTTP: whether all of those send on which service
    /// the route's metadata names.
    by_http: Option<bool>,
}

impl<'a> Chain<'a> {
    pub(super) fn read(from: Message<'a>, field: &str, look: &Look<'a>) -> Self {
        let filters = from.messages(field, look).into_iter().map(|filter| Filter::read(filter, look));
        let filters: Vec<Filter<'a>> = filters.collect();
        let mut trailers = Mutations::default();
        let on = |filter: &&Filter<'a>| !filter.message.is_on("disabled", look) && !filter.conditional;
        for filter in filters.iter().filter(|filter| filter.kind == "header_mutation").filter(on) {
            if let Some(mutations) = filter.body.and_then(|body| body.message("mutations", look)) {
                trailers.join(Mutations::read(mutations, "request_trailers_mutations", look));
            }
        }
        // A filter that can't be seen may be the one.
        let known = filters.iter().any(Filter::is_check);
        let checks = filters.iter().filter(|filter| filter.is_check() || (!known && filter.kind == UNSEEN));
        let names: Vec<&str> = checks.map(|filter| filter.message.name(look)).collect();
        look.names.borrow_mut().extend(names.iter().map(|name| (*name).to_owned()));
        let bodies = filters.iter().filter(|filter| filter.is_check()).filter_map(|filter| filter.body);
        let mut services = bodies.filter_map(|body| body.message("http_service", look)).peekable();
        let sends = |service| ext_authz::sends_metadata(service, look);
        let by_http = services.peek().is_some().then(|| services.all(sends));
        Self { filters, at: from.place(field), trailers, names, by_http }
    }

    /// Where some check is asked by HTTP: whether all of those send on which
    /// service the route's metadata names.
    pub(super) fn by_http(&self) -> Option<bool> {
        self.by_http
    }

    /// Whether any filter asks Doorward, or may.
    pub(super) fn checks(&self) -> bool {
        !self.names.is_empty()
    }

    /// The names of the filters that ask.
    pub(super) fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// The kind of the filter of this name.
    pub(super) fn kind_of(&self, name: &str, look: &Look<'a>) -> Option<&str> {
        let found = self.filters.iter().find(|filter| filter.message.name(look) == name);
        found.map(|filter| filter.kind.as_str())
    }

    /// What is done to trailers of requests.
    pub(super) fn trailers(&self) -> &Mutations {
        &self.trailers
    }

    /// Where the list of filters begins.
    pub(super) fn place(&self) -> Span {
        self.at
    }

    pub(super) fn inspect(&self, holder: Message<'a>, look: &Look<'a>) {
        let Some(last) = self.filters.iter().rposition(Filter::is_check) else {
            if !self.checks() {
                look.tell(
                    Code::Unchecked,
                    holder.at,
                    "no ext_authz filter: nobody asks Doorward about these requests",
                    "lets everybody through",
                    "put `envoy.filters.http.ext_authz` into its filters, directly before the router",
                );
            }
            return;
        };
        for (position, filter) in self.filters.iter().enumerate() {
            if filter.is_check() {
                filter.check(look);
            } else if position < last {
                filter.before(look);
            } else if filter.kind == "router" {
                let upstream = filter.body.map(|body| body.messages("upstream_http_filters", look));
                upstream.unwrap_or_default().into_iter().for_each(|filter| behind(filter, look));
            } else {
                filter.behind(look);
            }
        }
    }
}

/// Looks at a filter that stands behind the check.
pub(super) fn behind<'a>(filter: Message<'a>, look: &Look<'a>) {
    Filter::read(filter, look).behind(look);
}

/// The kind of a filter that Envoy gets from elsewhere.
const UNSEEN: &str = "a filter from elsewhere";

impl<'a> Filter<'a> {
    fn read(message: Message<'a>, look: &Look<'a>) -> Self {
        let name = message.name(look);
        let mut config = message;
        if let Some(discovery) = message.get("config_discovery") {
            let found = look.filters.borrow().get(name).copied();
            let Some(found) = found else {
                look.unseen(
                    discovery.key_span,
                    format!("the filter `{name}`, which Envoy gets from elsewhere (ECDS)"),
                );
                return Self { message, kind: UNSEEN.to_owned(), body: None, conditional: false };
            };
            config = found;
        }
        let mut conditional = false;
        let mut typed = match config.has("typed_config") {
            true => config.typed("typed_config", look),
            false => None,
        };
        if let Some(wrapper) = typed.filter(|typed| typed.is("ExtensionWithMatcher")) {
            conditional = true;
            let inner = wrapper.body.message("extension_config", look);
            typed = inner.and_then(|inner| inner.typed("typed_config", look));
        }
        let kind = match typed {
            Some(typed) => kind(typed.kind).to_owned(),
            // Without a configuration the name says it.
            None => name.rsplit('.').next().unwrap_or(name).to_owned(),
        };
        Self { message, kind, body: typed.map(|typed| typed.body), conditional }
    }

    fn is_check(&self) -> bool {
        self.kind == "ext_authz"
    }

    fn check(&self, look: &Look<'a>) {
        let tell =
            |at, message: String, help| look.tell(Code::CheckDisabled, at, message, "not always asked", help);
        let name = self.message.name(look);
        if self.message.is_on("disabled", look) {
            let message = format!("`{name}` is off wherever no route turns it on");
            tell(self.message.place("disabled"), message, "remove the line");
        }
        if self.message.is_on("is_optional", look) {
            let message = format!("an Envoy that does not know `{name}` would start without it");
            tell(self.message.place("is_optional"), message, "remove the line");
        }
        if self.conditional {
            let message = format!("a matcher decides which requests `{name}` looks at");
            tell(self.message.at, message, "take the filter out of `ExtensionWithMatcher`");
        }
        match self.body {
            Some(body) => ext_authz::inspect(body, look),
            None => look.unreadable(self.message.at, format!("`{name}` has no configuration"), "give it one"),
        }
    }

    fn before(&self, look: &Look<'a>) {
        let quiet =
            QUIET_BEFORE.contains(&self.kind.as_str()) || self.kind == UNSEEN || self.only_strips(look);
        if !quiet {
            look.tell(
                Code::FilterBefore,
                self.message.at,
                format!("`{}` runs before ext_authz and may answer or change requests", self.kind),
                "runs unchecked",
                "leave it out where you can; otherwise see that what it answers needs no check, and that it sets no \
                 identity header",
            );
        }
    }

    /// Whether it is a `header_mutation` that takes things away from requests
    /// at most.
    fn only_strips(&self, look: &Look<'a>) -> bool {
        let Some(body) = self.body.filter(|_| self.kind == "header_mutation") else { return false };
        let Some(mutations) = body.message("mutations", look) else { return true };
        let sets = |field| Mutations::read(mutations, field, look).sets;
        !sets("request_mutations")
            && !sets("request_trailers_mutations")
            && !mutations.has("query_parameter_mutations")
    }

    fn behind(&self, look: &Look<'a>) {
        let Self { message, kind, .. } = self;
        if kind == "upstream_codec" || kind == UNSEEN {
            return;
        }
        if kind == "header_mutation" && self.only_answers(look) {
            return;
        }
        if LATE.contains(&kind.as_str()) {
            look.tell(
                Code::FilterLate,
                message.at,
                format!("`{kind}` stands behind ext_authz"),
                "after the decision",
                "put it before ext_authz, so that the router is all that comes after the decision",
            );
        } else {
            look.tell(
                Code::FilterBehind,
                message.at,
                format!("`{kind}` behind ext_authz may change a request that was decided"),
                "after the decision",
                "put it before ext_authz: nothing may stand between the decision and the router",
            );
        }
    }

    /// Whether it is a `header_mutation` that leaves requests alone.
    fn only_answers(&self, look: &Look<'a>) -> bool {
        let Some(mutations) = self.body.and_then(|body| body.message("mutations", look)) else {
            return false;
        };
        let fields = ["request_mutations", "request_trailers_mutations"];
        fields.iter().all(|field| Mutations::read(mutations, field, look).is_empty())
            && !mutations.has("query_parameter_mutations")
    }
}

/// `ext_authz` of `envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`; a
/// type of any other group is left whole.
fn kind(name: &str) -> &str {
    let inner = name.split_once(".filters.http.").map(|(_, rest)| rest);
    // Before version 3: `envoy.config.filter.http.ext_authz.v2.ExtAuthz`.
    let inner = inner.or_else(|| name.split_once(".filter.http.").map(|(_, rest)| rest));
    inner.and_then(|rest| rest.split('.').next()).unwrap_or(name)
}
