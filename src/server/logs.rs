//! Logs: one JSON object a line on standard error.
//!
//! The only file that names the log collector.

use std::panic;

use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Reads what is to be logged: a level, or a list of levels and
/// `target=level`.
pub(super) fn filter(text: &str) -> Result<EnvFilter, String> {
    let help = "write a level such as `info`, or a list such as `info,doorward::decision=debug`";
    for part in text.split(',') {
        // The collector takes a level it does not know for the name of a
        // target, and then logs nothing at all.
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !LEVELS.contains(&level.to_ascii_lowercase().as_str()) {
            return Err(format!("`{level}` is not a log level; {help}"));
        }
    }
    EnvFilter::builder()
        .parse(text)
        .map_err(|error| format!("can't read the log filter `{text}`: {error}; {help}"))
}

/// From here on everything that is said goes to the log.
pub(super) fn start(filter: EnvFilter) -> Result<(), String> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| format!("can't start the log: {error}"))?;
    // What a panic says may quote what it choked on, and that may be part of
    // a token: the log gets the place alone.
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(tracing::field::display);
        tracing::error!(place, "panic");
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn levels_and_lists_are_filters_and_nonsense_is_not() {
        for text in ["error", "INFO", "info,doorward::decision=debug", "off"] {
            assert!(filter(text).is_ok(), "{text}");
        }
        for text in ["", "loud", "inof", "loud=very", "info,doorward=", "=", "info,", "a=b=c"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }
}
