//! The callers of tests: whom a token would speak for, by the words of the
//! policy or by its claims.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::config::Issuer;
use crate::diag::{Code as Diag, Diagnostic, Report};
use crate::engine::{Reason, Subject};
use crate::identity::Refusal;
use crate::policy::Policy;
use crate::policy::suite::{Caller, Member, SOMEBODY, Token, Who};
use crate::trial;

/// Where requests come from if nobody says so, as in `doorward check`.
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The SPIFFE id of the client certificate.
    pub peer: Option<Arc<str>>,
    /// The address.
    pub source: IpAddr,
}

/// A caller of a test.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) name: Arc<str>,
    pub(super) connection: Connection,
    pub(super) token: Option<usize>,
}

/// Every caller of a suite, each persona once.
pub(super) struct Callers<'p> {
    issuers: &'p [Issuer],
    personas: HashMap<&'p str, Known>,
    subjects: Vec<Result<Subject, Refusal>>,
    findings: Vec<Diagnostic>,
}

impl<'p> Callers<'p> {
    pub(super) fn new(policy: &'p Policy, issuers: &'p [Issuer]) -> Self {
        let mut callers =
            Self { issuers, personas: HashMap::new(), subjects: Vec::new(), findings: Vec::new() };
        for persona in &policy.personas {
            let name = persona.name.value.as_str();
            let known = callers.know(name, name, &persona.who);
            callers.personas.insert(name, known);
        }
        callers
    }

    /// The caller of a test. A name that nobody has, which is a finding of the
    /// compiler's, is nobody.
    pub(super) fn of(&mut self, caller: &Caller) -> Known {
        let name = caller.to_string();
        match caller {
            Caller::Inline(who) => self.know(&name, SOMEBODY, who),
            Caller::Nobody => self.know(&name, SOMEBODY, &Who::default()),
            Caller::Persona(persona) => match self.personas.get(persona.as_str()) {
                Some(known) => known.clone(),
                None => self.know(&name, SOMEBODY, &Who::default()),
            },
        }
    }

    fn know(&mut self, name: &str, user: &str, who: &Who) -> Known {
        let Who { token, peer, source } = who;
        let token = token.as_ref().map(|token| {
            self.subjects.push(match token {
                Token::Named { .. } => Ok(named(token, user)),
                Token::Claims { claims, span } => match trial::claimed(object(claims), self.issuers) {
                    Ok(read) => read,
                    Err(why) => {
                        let finding = Diagnostic::at(Diag::BadTest, *span, why);
                        self.findings.push(finding.label("whose token?").help("add the claim `iss`"));
                        Err(Refusal { reason: Reason::IssuerUnknown, detail: "no such issuer" })
                    }
                },
            });
            self.subjects.len() - 1
        });
        let connection =
            Connection { peer: peer.as_deref().map(Into::into), source: source.unwrap_or(LOCALHOST) };
        Known { name: name.into(), connection, token }
    }

    /// Whom all their tokens speak for.
    pub(super) fn subjects(self, report: &mut Report) -> Option<Vec<Result<Subject, Refusal>>> {
        let fine = self.findings.is_empty();
        self.findings.into_iter().for_each(|finding| report.push(finding));
        fine.then_some(self.subjects)
    }
}

/// Somebody by the words of the policy. The claims are what a token of this
/// kind would hold, as for `doorward check --user`.
fn named(token: &Token, otherwise: &str) -> Subject {
    let Token::Named { user, roles, groups, codes, scopes, claims } = token else {
        return Subject::default();
    };
    let user = user.as_deref().unwrap_or(otherwise);
    let roles: Vec<String> = roles.iter().map(|role| role.value.to_string()).collect();
    let groups: Vec<String> = groups.iter().map(|group| group.to_string()).collect();
    let codes: Vec<String> = codes.iter().map(|code| code.value.to_string()).collect();
    // The reader of the policy takes no user id that this would refuse.
    let mut subject = trial::named(user, &roles, &groups, &codes).unwrap_or_default();
    subject.scopes = scopes.as_ref().map(|scopes| scopes.iter().map(|scope| scope.to_string()).collect());
    subject.claims.extend(object(claims));
    subject
}

fn object(claims: &[Member]) -> Map<String, Value> {
    // A datum writes itself as JSON; what would not be read again gives nothing.
    let value = |member: &Member| serde_json::from_str(&member.value.to_string()).unwrap_or_default();
    claims.iter().map(|member| (member.name.value.to_string(), value(member))).collect()
}
