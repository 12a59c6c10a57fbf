//! How much the ports for checks take on: `limits`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::units;
use crate::diag::Report;
use crate::yaml::{self, Elsewhere, Entry, Fields, Shape};

/// How much the ports for checks take on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections of one listener.
    pub connections: usize,
    /// The most requests at once on one connection.
    pub streams: u32,
    /// The most checks at once; more are denied as `overloaded`.
    pub checks: usize,
    /// The most bytes of one check.
    pub check_size: usize,
    /// The most bytes of a gRPC request's own headers.
    pub header_size: u32,
    /// The most bytes of the head of a request in HTTP mode.
    pub http_head_size: u32,
    /// When a connection is asked to end so that the other side opens a new
    /// one.
    pub connection_age: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            // Envoy's own limit for a whole cluster, unless it is raised.
            streams: 1024,
            checks: 1024,
            // A check holds a request's headers, which Envoy caps at 60 KiB
            // unless told otherwise; bodies are not asked for.
            check_size: 128 << 10,
            // A few hundred bytes is what they have.
            header_size: 16 << 10,
            // A client's request as it came, where Envoy lets 60 KiB pass and
            // the others less, and the words that the proxy adds.
            http_head_size: 64 << 10,
            connection_age: None,
        }
    }
}

pub(super) const SHAPE: Shape = Shape {
    what: "`limits`",
    known: &[
        "connections",
        "streams",
        "checks",
        "check_size",
        "header_size",
        "http_head_size",
        "connection_age",
    ],
    later: &[],
};

/// Thirty days.
const MAX_AGE: u64 = 30 * 86_400;

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere {
        words: &["max_connections", "connection_limit"],
        meant: "connections",
        help: "write `connections:` and how many one listener has at most",
    },
    Elsewhere {
        words: &["max_streams", "max_concurrent_streams", "concurrent_streams"],
        meant: "streams",
        help: "write `streams:` and how many requests one connection may have open",
    },
    Elsewhere {
        words: &["max_checks", "concurrency", "max_requests", "requests", "in_flight", "max_in_flight"],
        meant: "checks",
        help: "write `checks:` and how many are decided at once",
    },
    Elsewhere {
        words: &[
            "message_size",
            "max_message_size",
            "max_check_size",
            "max_receive_message_size",
            "body_size",
        ],
        meant: "check_size",
        help: "write `check_size:` and a size such as `128KiB`",
    },
    Elsewhere {
        words: &["headers", "max_header_size", "max_header_list_size", "header_list_size"],
        meant: "header_size",
        help: "write `header_size:` and a size such as `16KiB`",
    },
    Elsewhere {
        words: &["head_size", "http_header_size", "max_head_size", "http_size"],
        meant: "http_head_size",
        help: "write `http_head_size:` and a size such as `64KiB`",
    },
    Elsewhere {
        words: &["max_connection_age", "max_connection_duration", "connection_duration"],
        meant: "connection_age",
        help: "write `connection_age:` and a duration such as `1h`",
    },
];

/// Reads `limits`.
pub(super) fn read(entry: Option<&Entry>, report: &mut Report) -> Option<Limits> {
    let usual = Limits::default();
    let Some(entry) = entry else { return Some(usual) };
    let fields = &Fields::read_with(&entry.value, SHAPE, ELSEWHERE, report)?;
    // All are read before any is given up, so that all mistakes are told.
    let connections = count(fields, "connections", usual.connections, 1_000_000, report);
    let streams = count(fields, "streams", usual.streams, 100_000, report);
    let checks = count(fields, "checks", usual.checks, 1_000_000, report);
    let check_size = size(fields, "check_size", usual.check_size, 16 << 10..=16 << 20, report);
    let header_size = size(fields, "header_size", usual.header_size, 4 << 10..=1 << 20, report);
    let http_head_size = size(fields, "http_head_size", usual.http_head_size, 8 << 10..=1 << 20, report);
    let connection_age = match fields.get("connection_age") {
        Some(entry) => units::seconds(&entry.value, "`limits.connection_age`", 1..=MAX_AGE, report)
            .map(|age| Some(Duration::from_secs(age))),
        None => Some(usual.connection_age),
    };
    Some(Limits {
        connections: connections?,
        streams: streams?,
        checks: checks?,
        check_size: check_size?,
        header_size: header_size?,
        http_head_size: http_head_size?,
        connection_age: connection_age?,
    })
}

fn count<N: TryFrom<i64>>(
    fields: &Fields<'_>,
    key: &str,
    usual: N,
    most: i64,
    report: &mut Report,
) -> Option<N> {
    let Some(entry) = fields.get(key) else { return Some(usual) };
    let number = yaml::integer(&entry.value, &format!("`limits.{key}`"), 1..=most, report)?;
    N::try_from(number).ok()
}

fn size<N: TryFrom<u64>>(
    fields: &Fields<'_>,
    key: &str,
    usual: N,
    bounds: RangeInclusive<u64>,
    report: &mut Report,
) -> Option<N> {
    let Some(entry) = fields.get(key) else { return Some(usual) };
    let bytes = units::bytes(&entry.value, &format!("`limits.{key}`"), bounds, report)?;
    N::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_from_elsewhere_are_no_keys_and_stand_for_keys() {
        for entry in ELSEWHERE {
            assert!(SHAPE.known.contains(&entry.meant), "{}", entry.meant);
            assert!(entry.words.iter().all(|word| !SHAPE.known.contains(word)), "{:?}", entry.words);
        }
    }
}
