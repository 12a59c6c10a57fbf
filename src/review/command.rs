//! A witness as something to try: the `doorward check` that shows it.

use super::classes::USUAL_HOST;
use super::witness::Witness;
use crate::policy::instant;

impl Witness {
    /// The arguments of `doorward check` that ask for this request, from the
    /// method on. Where the policy lies is for the reader to add.
    pub fn arguments(&self) -> Vec<String> {
        let url = match self.host.as_str() {
            USUAL_HOST => self.path.clone(),
            host => format!("https://{host}{}", self.path),
        };
        let mut arguments = vec![self.method.clone(), url];
        let mut add = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
        if let Some(service) = &self.service {
            add("--service", service);
        }
        if let Some(announced) = self.preflight {
            add("--header", "origin: https://example.com");
            add("--header", &format!("access-control-request-method: {announced}"));
        }
        if self.websocket {
            add("--header", "connection: upgrade");
            add("--header", "upgrade: websocket");
        }
        if let Some(token) = &self.token {
            add("--user", &token.user);
            let lists = [("--roles", &token.roles), ("--groups", &token.groups), ("--codes", &token.codes)];
            lists
                .into_iter()
                .filter(|(_, list)| !list.is_empty())
                .for_each(|(name, list)| add(name, &list.join(",")));
            if let Some(scopes) = &token.scopes {
                add("--scopes", &scopes.join(","));
            }
        }
        if let Some(peer) = &self.peer {
            add("--peer", peer);
        }
        if let Some(source) = &self.source {
            add("--source-ip", &source.to_string());
        }
        add("--at", &instant::utc(self.at));
        arguments
    }

    /// The same as one line for a shell.
    pub fn command(&self) -> String {
        let quoted: Vec<String> = self.arguments().iter().map(|argument| quoted(argument)).collect();
        format!("doorward check {}", quoted.join(" "))
    }

    /// The same for a policy directory.
    pub fn command_in(&self, policies: &str) -> String {
        self.command_with("--policies", policies)
    }

    /// The same with one more option.
    pub fn command_with(&self, option: &str, value: &str) -> String {
        format!("{} {option} {}", self.command(), quoted(value))
    }

    /// What such a command can't say, in words.
    pub fn unsaid(&self) -> Option<&'static str> {
        let audiences = self.token.as_ref().and_then(|token| token.audiences.as_ref());
        match (self.source, audiences) {
            (None, _) => Some("the request has no source address"),
            (_, Some(audiences)) if audiences.iter().any(Option::is_some) => {
                Some("the token's audience decides: an asserted user has every audience")
            }
            _ => None,
        }
    }
}

/// An argument as a POSIX shell takes it.
pub(super) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,@=+%".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Token;

    #[test]
    fn a_witness_is_a_command() {
        let witness = Witness {
            method: "GET".to_owned(),
            host: "h.test".to_owned(),
            path: "/it's/x;v=1".to_owned(),
            service: Some("s".to_owned()),
            token: Some(Token {
                user: "somebody".to_owned(),
                roles: vec!["a".to_owned()],
                ..Token::default()
            }),
            source: "203.0.113.1".parse().ok(),
            ..Witness::default()
        };
        assert_eq!(
            witness.command(),
            "doorward check GET 'https://h.test/it'\\''s/x;v=1' --service s --user somebody --roles a \
             --source-ip 203.0.113.1 --at 1970-01-01T00:00:00Z"
        );
        assert_eq!(witness.unsaid(), None);
    }
}
