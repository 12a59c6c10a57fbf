//! The two text formats of numbers, and which of them who asks gets: they differ
//! in the names of what counts.

use std::borrow::Cow;
use std::collections::HashSet;

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// OpenMetrics 1.0, for who asks for it.
    OpenMetrics,
    /// Prometheus' older one, which everything reads.
    Plain,
}

impl Exposition {
    /// What suits the values of `accept`.
    pub fn wanted(accept: &str) -> Self {
        let wants = |range: &str| {
            let mut parts = range.split(';').map(str::trim);
            let named =
                parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
            named
                && !parts.any(|part| {
                    let refused = part.strip_prefix("q=").or(part.strip_prefix("Q="));
                    refused.is_some_and(|q| q.parse() == Ok(0.0_f32))
                })
        };
        if accept.split(',').any(wants) { Self::OpenMetrics } else { Self::Plain }
    }

    /// The `content-type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// A text of OpenMetrics in this format.
    pub fn of(self, text: String) -> String {
        match self {
            Self::OpenMetrics => text,
            Self::Plain => plain(&text),
        }
    }
}

/// The older format has `_total` in the name of a counter, and no last line.
fn plain(text: &str) -> String {
    let counter = |line: &'_ str| {
        line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")).map(str::to_owned)
    };
    let counters: HashSet<String> = text.lines().filter_map(counter).collect();
    let mut out = String::with_capacity(text.len());
    for line in text.lines().filter(|line| *line != "# EOF") {
        out.push_str(&renamed(line, &counters));
        out.push('\n');
    }
    out
}

fn renamed<'a>(line: &'a str, counters: &HashSet<String>) -> Cow<'a, str> {
    for head in ["# HELP ", "# TYPE "] {
        if let Some((name, rest)) = line.strip_prefix(head).and_then(|rest| rest.split_once(' '))
            && counters.contains(name)
        {
            return Cow::Owned(format!("{head}{name}_total {rest}"));
        }
    }
    Cow::Borrowed(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_ask_for_openmetrics_gets_the_older_format() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                          application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        assert_eq!(Exposition::wanted(prometheus), Exposition::OpenMetrics);
        for accept in [
            "",
            "*/*",
            "text/plain",
            "application/openmetrics-text; q=0, */*",
            "application/openmetrics-text2",
        ] {
            assert_eq!(Exposition::wanted(accept), Exposition::Plain, "{accept}");
        }
    }

    #[test]
    fn the_older_format_names_counters_by_their_samples() {
        let text = "# HELP a Help a.\n# TYPE a counter\na_total{b=\"# EOF\"} 1\n\
                    # HELP c Help.\n# TYPE c gauge\nc 2\n# EOF\n";
        assert_eq!(Exposition::OpenMetrics.of(text.to_owned()), text);
        assert_eq!(
            Exposition::Plain.of(text.to_owned()),
            "# HELP a_total Help a.\n# TYPE a_total counter\na_total{b=\"# EOF\"} 1\n\
             # HELP c Help.\n# TYPE c gauge\nc 2\n"
        );
    }
}
