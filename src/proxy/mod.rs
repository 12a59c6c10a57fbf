//! A proxy's configuration, and what in it would let a request slip by.
//!
//! Text in, findings out: a bootstrap, a config dump or a part of either of
//! Envoy's, in YAML or JSON, is read as the JSON form of its protobuf messages
//! and compared with what Doorward needs of the proxy before it. What can't be
//! read or seen is a finding, too. This room knows nothing of requests,
//! policies or tokens, and opens no file.

mod admin;
mod certificates;
mod chain;
mod clusters;
mod connection;
mod ext_authz;
mod files;
mod listener;
mod look;
mod managed;
mod matcher;
mod message;
mod mutations;
mod overrides;
mod paths;
mod per_route;
mod rewrites;
mod routes;
mod runtime;
mod stripping;
mod virtual_host;

use crate::diag::{FileId, Report};

pub use look::Seen;
pub use managed::Managed;

/// Looks at one file; where listeners are named, at those alone, with what they
/// lead to. `None` where it could not be read as a configuration of
/// Envoy's: the report tells why.
pub fn inspect(
    file: FileId,
    text: &str,
    managed: &Managed,
    listeners: &[String],
    report: &mut Report,
) -> Option<Seen> {
    let root = crate::yaml::parse_foreign(file, text, report);
    let unreadable = report.has_errors();
    let root = root.filter(|_| !unreadable);
    let Some(root) = root else {
        if !unreadable {
            report.push(files::nothing(file));
        }
        return None;
    };
    let look = look::Look::new(managed, listeners);
    let known = files::root(&root, &look);
    let (findings, seen) = look.into_parts();
    report.append(findings);
    known.then_some(seen)
}
