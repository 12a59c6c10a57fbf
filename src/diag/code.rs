//! The stable codes of all findings. A code never changes its meaning; a code
//! that is no longer given is not given again to something else.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The files are not used.
    Error,
    /// Worth a look; the files are used.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $id:literal $name:literal $severity:ident $meaning:literal;)*) => {
        /// What kind of finding this is. Printed as its id, such as `DW103`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $variant,)*
        }

        impl Code {
            /// Every code, in the order of their ids.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The id, such as `DW103`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$variant => $id,)* }
            }

            /// The name, such as `unknown-role`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// One sentence on what it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    // Reading files.
    Unreadable "DW001" "unreadable" Error "A file or directory can't be read.";
    NoPolicy "DW002" "no-policy" Error "The policy directory holds no service with a route.";
    TooLarge "DW003" "too-large" Error "A file, the whole policy or its nesting is over a limit.";
    NotUtf8 "DW004" "not-utf8" Error "A file is not UTF-8 text.";
    YamlSyntax "DW005" "yaml-syntax" Error "The text is not YAML.";
    YamlFeature "DW006" "yaml-feature" Error "An anchor, alias, merge key, tag, directive or second document: there is one way to say a thing.";
    StrayFile "DW007" "stray-file" Error "A policy file that is a device or pipe, has an odd name, or is a link that leaves the directory, leads nowhere or leads to a file that is read already.";

    // The shape of what was read.
    UnknownKey "DW010" "unknown-key" Error "A key that has no meaning here.";
    DuplicateKey "DW011" "duplicate-key" Error "The same key twice in one mapping.";
    MissingKey "DW012" "missing-key" Error "A key that must be there is not.";
    WrongType "DW013" "wrong-type" Error "A mapping, list or scalar stands where another kind of value is needed.";
    EmptyValue "DW014" "empty-value" Error "A null or empty value: leaving something out is never a way to require nothing.";
    UnquotedScalar "DW015" "unquoted-scalar" Error "A plain scalar that YAML readers disagree about, such as `no` or `012`, where text is needed.";
    BadCharacter "DW016" "bad-character" Error "A character outside visible ASCII in a name, code or path.";
    NotYet "DW017" "not-yet" Error "A key that this build does not have.";
    BadValue "DW018" "bad-value" Error "A value that is not one of those allowed here.";

    // The policy.
    BadName "DW101" "bad-name" Error "A name of a role, service, network or parameter that is not well formed.";
    BadCode "DW102" "bad-code" Error "A permission code that is not well formed, or a `*` where none is allowed.";
    UnknownRole "DW103" "unknown-role" Error "A role that no file defines.";
    UnknownNetwork "DW104" "unknown-network" Error "A network that no file defines.";
    DuplicateName "DW105" "duplicate-name" Error "A role, group, network, service, persona, test or invariant defined twice.";
    RoleCycle "DW106" "role-cycle" Error "Roles that inherit from each other in a circle.";
    BadNetwork "DW107" "bad-network" Error "An address range that is not in CIDR form.";
    AnyOrAll "DW108" "any-or-all" Error "A bare list of several names: it must say whether any or all of them are needed.";
    BadMethod "DW109" "bad-method" Error "A method that is unknown, misspelled or never allowed.";
    BadTemplate "DW110" "bad-template" Error "A path template that is not well formed, or that no canonical request path could match.";
    OutsidePaths "DW111" "outside-paths" Error "A route that does not lie under the paths of its service.";
    RouteConflict "DW112" "route-conflict" Error "Two routes that match the same method and path.";
    NoRequirement "DW113" "no-requirement" Error "A route that requires nothing and does not say so with `access`.";
    AccessConflict "DW114" "access-conflict" Error "`access` beside `roles`, `codes`, `peers` or `when` of the same level.";
    ServiceConflict "DW115" "service-conflict" Error "Two services that answer for the same host and path.";
    BadHost "DW116" "bad-host" Error "A host that is not a name, an address or `*.` and a name.";
    BadPeer "DW117" "bad-peer" Error "A peer that is not a SPIFFE id, or a pattern that no SPIFFE id could match.";
    BadCondition "DW118" "bad-condition" Error "A condition that is not CEL, names something unknown, could never work, or is not true or false.";
    UnknownParam "DW119" "unknown-param" Error "A path parameter that no route has, or several that no route has together.";
    BadTest "DW130" "bad-test" Error "A test that makes no sense as it is written: its request, its caller or its table.";
    UnknownPersona "DW131" "unknown-persona" Error "A persona that no file defines.";
    BadInvariant "DW132" "bad-invariant" Error "An invariant that makes no sense as it is written: what it says, or of whom.";

    // What `doorward test` found.
    TestFailed "DW140" "test-failed" Error "A test whose expectation does not hold.";
    InvariantFalse "DW141" "invariant-false" Error "An invariant that some request breaks.";

    // Worth a look.
    BroadAnonymous "DW201" "broad-anonymous" Warning "A broad anonymous route beside stricter routes in its shadow.";
    BindingExpired "DW202" "binding-expired" Warning "A binding whose time is over.";
    BindingExpires "DW203" "binding-expires" Warning "A binding whose time is over within 14 days.";
    UnreachableRoute "DW204" "unreachable-route" Warning "A route that no request can reach, because others take all of them.";
    UnreachableService "DW205" "unreachable-service" Warning "A service whose routes all lie below the paths of others.";
    NeverMet "DW206" "never-met" Warning "A requirement that nobody can meet.";
    DeniedGrant "DW207" "denied-grant" Warning "A grant that the role itself, or a role it inherits, denies.";
    UnusedRole "DW208" "unused-role" Warning "A role that nothing names and that gives nothing anybody requires.";
    UngrantedCode "DW209" "ungranted-code" Warning "A code that is required and that no role grants.";
    UnrequiredCode "DW210" "unrequired-code" Warning "A code that a role grants and nothing requires.";
    SimilarNames "DW211" "similar-names" Warning "Two codes or two roles that differ by a typo, a separator, case or a plural alone.";
    RepeatsDefault "DW212" "repeats-default" Warning "A requirement that says what would be inherited anyway.";
    RepeatedBinding "DW213" "repeated-binding" Warning "A binding that gives what another one gives already.";
    CoveredGrant "DW214" "covered-grant" Warning "A grant that another grant of the role, or of a role it inherits, covers.";
    IdleDeny "DW215" "idle-deny" Warning "A deny that takes nothing away.";
    UnusedNetwork "DW216" "unused-network" Warning "A network that nothing names.";
    CoveredRange "DW217" "covered-range" Warning "An address range that lies within another one of the same list.";
    DroppedRequirement "DW218" "dropped-requirement" Warning "`access: authenticated` in place of inherited roles, peers or a condition.";
    RefusedPath "DW219" "refused-path" Warning "A condition that holds for every path but some.";
    AnyOtherHost "DW220" "any-other-host" Warning "A service that answers for every host, beside services that name theirs.";
    BadAllow "DW221" "bad-allow" Warning "An `allow:` comment that is not understood, or gives no reason.";
    IdleAllow "DW222" "idle-allow" Warning "An `allow:` comment for something that was not found there.";

    // A policy beside the description of an API.
    NotAnApi "DW230" "not-an-api" Error "A file that is no OpenAPI document and no descriptor set.";
    ApiUnreadable "DW231" "api-unreadable" Error "A part of an API description that can't be read.";
    ApiInexpressible "DW232" "api-inexpressible" Warning "An operation that a policy can't name.";
    ApiMissing "DW233" "api-missing" Warning "An operation of the API that no route of the policy names.";
    ApiExtra "DW234" "api-extra" Warning "A route that the API does not have.";
    ApiParameter "DW235" "api-parameter" Warning "A path parameter that has another name in the API.";
    ApiMethod "DW236" "api-method" Warning "A path that the policy and the API have with other methods.";

    // The configuration.
    BadVariable "DW301" "bad-variable" Error "An environment variable that is not set, or a `${..}` that is not well formed.";
    BadAddress "DW302" "bad-address" Error "A listen address that is not `host:port` or `unix:path`.";
    BadHeaderName "DW303" "bad-header-name" Error "An upstream header that may not be set: not a lower-case token, one that steers HTTP, or outside the allowed prefixes.";
    BadExpression "DW304" "bad-expression" Error "An expression that is not well formed or names something unknown.";
    BadIssuer "DW305" "bad-issuer" Error "An issuer that contradicts itself or another issuer.";
    BadAlgorithm "DW306" "bad-algorithm" Error "A signature algorithm that is unknown or does not fit the key.";
    BadKey "DW307" "bad-key" Error "Key material that can't be used.";
    BadClaimPath "DW308" "bad-claim-path" Error "A claim path that is not names joined by dots, other names in `[\"..\"]`.";
    KeyDropped "DW309" "key-dropped" Warning "A key of a key file that is left out, because it can't or must not be used.";
    UnmappedRole "DW310" "unmapped-role" Warning "A role of `roles_map` that the policy does not have.";
    OpenListener "DW311" "open-listener" Warning "A port for checks that others than this machine may reach, without client certificates.";
    RedactsNothing "DW312" "redacts-nothing" Warning "A path parameter of `decision_log.redact` that no route has.";

    // The configuration of the proxy: what can't be judged.
    NotEnvoy "DW401" "not-envoy" Error "A file in which no part of an Envoy configuration is found.";
    EnvoyUnreadable "DW402" "envoy-unreadable" Error "A value or a type that Envoy would refuse, or that can't be judged here.";
    EnvoyUnseen "DW403" "envoy-unseen" Warning "Something that Envoy gets from elsewhere, so that this file does not show it.";

    // The configuration of the proxy: what opens a hole.
    Unchecked "DW410" "unchecked" Error "Requests that no ext_authz filter looks at.";
    CheckDisabled "DW411" "check-disabled" Error "The check is switched off for some requests.";
    CheckSwitch "DW412" "check-switch" Error "A runtime switch that opens everything.";
    FailsOpen "DW413" "fails-open" Error "A check without an answer lets the request through.";
    RouteAfterCheck "DW414" "route-after-check" Error "Where a request goes is chosen by something that was not decided over.";
    ChangeSkipped "DW415" "change-skipped" Error "Changes of Doorward to identity headers that Envoy would skip or refuse.";
    HeadersHidden "DW416" "headers-hidden" Error "Request headers that Doorward must see and Envoy does not send it.";
    FilterBehind "DW417" "filter-behind" Error "A filter that may change the request after it was decided.";
    RouteHeaders "DW418" "route-headers" Error "Envoy sets or removes an identity header after Doorward did.";
    TrailersPass "DW419" "trailers-pass" Error "Identity headers in trailers reach the upstream.";
    OverridesPass "DW420" "overrides-pass" Error "Headers that name a second method, path or host reach the upstream.";
    OpenRedirect "DW421" "open-redirect" Error "Envoy redirects before anybody is asked, and a client chooses where to.";
    ForgedCertificate "DW422" "forged-certificate" Error "Certificates, or what is told of them, are believed without being verified.";
    AdminOpen "DW423" "admin-open" Error "Envoy's admin page can be reached from elsewhere.";
    NoHttp2 "DW424" "no-http2" Error "The cluster of Doorward does not speak HTTP/2, so that no check is answered.";

    // The configuration of the proxy: what is risky.
    PathRaw "DW430" "path-raw" Warning "Paths that could be read in two ways go as they came to Doorward, which refuses them, and to Envoy's routes.";
    HeadersLookAlike "DW431" "headers-look-alike" Warning "Header names with `_` pass, which many upstreams read as `-`.";
    HostSpellings "DW432" "host-spellings" Warning "One host can be written in several ways.";
    IdentityPasses "DW433" "identity-passes" Warning "A client's identity headers are not removed before the first filter.";
    ClientBelieved "DW434" "client-believed" Warning "What a client says of its address is believed.";
    NoCatchAll "DW435" "no-catch-all" Warning "Requests for which there is no route are not checked.";
    ServiceUnnamed "DW436" "service-unnamed" Warning "Routes that don't tell Doorward which service they lead to.";
    FilterBefore "DW437" "filter-before" Warning "A filter that may answer or change requests before they are checked.";
    RedirectInside "DW438" "redirect-inside" Warning "Envoy follows redirects of upstreams itself.";
    Tunnels "DW439" "tunnels" Warning "Upgrades or CONNECT: what goes through is checked once, at its start.";
    TrailersOn "DW440" "trailers-on" Warning "HTTP/1 trailers are let in, which are no part of a check.";
    AnswersUnchecked "DW441" "answers-unchecked" Warning "What Doorward tells Envoy to change is not limited or verified.";
    RawHeadersOff "DW442" "raw-headers-off" Warning "Doorward does not get the headers as they came.";
    FaultLooksLikeVerdict "DW443" "fault-looks-like-verdict" Warning "A check without an answer looks like a verdict, or like success.";
    BodyUnfit "DW444" "body-unfit" Warning "Bodies are sent in a way that conditions can't use.";
    NoLimits "DW445" "no-limits" Warning "A time or size without limit.";
    AuthorizerLimits "DW446" "authorizer-limits" Warning "The cluster of Doorward has the default limits: what overflows is refused.";
    NotHttp "DW447" "not-http" Warning "A listener whose traffic Envoy does not read as HTTP, so that nothing of it is checked.";
    OldEnvoy "DW448" "old-envoy" Warning "An Envoy without the fixes of August 2026.";
    FilterLate "DW449" "filter-late" Warning "A filter that looks at requests only after they were decided.";
    PathsMeet "DW450" "paths-meet" Warning "An upstream that is reached at the same paths by two routes, of which one rewrites them after the check.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_and_names_are_unique_and_sorted() {
        let ids: Vec<_> = Code::ALL.iter().map(|c| c.id()).collect();
        let mut sorted = ids.clone();
        sorted.sort_unstable();
        assert_eq!(ids, sorted);
        let names: BTreeSet<_> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
