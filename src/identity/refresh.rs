//! When to fetch an issuer's keys. A state machine without clock, timer and
//! chance: each of them is an input.

use std::time::Duration;

/// The least time between the beginnings of two fetches, whatever is wanted.
pub(super) const COOLDOWN: Duration = Duration::from_secs(30);

/// How long keys may be taken for fresh, whatever their issuer says.
pub(super) const FRESH_LEAST: Duration = Duration::from_secs(60);
pub(super) const FRESH_MOST: Duration = Duration::from_secs(60 * 60);

/// How long keys are taken for fresh when their issuer says nothing.
pub(super) const FRESH_USUAL: Duration = Duration::from_secs(5 * 60);

/// Pauses after failures double from the first to the last. Before the first
/// keys somebody waits for them.
const FIRST_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
const LATER_PAUSES: (Duration, Duration) = (COOLDOWN, Duration::from_secs(5 * 60));

/// What a fetch brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Usable keys, fresh for as long as the issuer says.
    Keys(Option<Duration>),
    /// Nothing that can be used.
    Nothing,
}

/// When to fetch. Times are those of a clock that never goes back.
#[derive(Debug)]
pub(super) struct Refresh {
    /// When the last fetch began.
    begun: Option<Duration>,
    under_way: bool,
    /// When the next one begins if nobody wants one earlier.
    next: Duration,
    had_keys: bool,
    failures: u32,
}

impl Refresh {
    /// The first fetch is due at once.
    pub(super) fn new() -> Self {
        Self { begun: None, under_way: false, next: Duration::ZERO, had_keys: false, failures: 0 }
    }

    /// When the next fetch is due; `None` while one is under way.
    pub(super) fn due(&self, wanted: bool) -> Option<Duration> {
        if self.under_way {
            return None;
        }
        match self.begun {
            // Before the first keys the pauses are shorter than the cooldown.
            Some(begun) if wanted && self.had_keys => Some(self.next.min(begun.saturating_add(COOLDOWN))),
            _ => Some(self.next),
        }
    }

    /// Begins a fetch. The cooldown runs from here, whatever comes of it.
    pub(super) fn begin(&mut self, now: Duration) {
        self.begun = Some(now);
        self.under_way = true;
    }

    /// Ends it. `chance` spreads the fetches of many processes.
    pub(super) fn end(&mut self, now: Duration, outcome: Outcome, chance: u8) {
        self.under_way = false;
        let part = |whole: Duration| whole.saturating_mul(u32::from(chance)) / 255;
        let pause = match outcome {
            Outcome::Keys(fresh) => {
                (self.failures, self.had_keys) = (0, true);
                let fresh = fresh.unwrap_or(FRESH_USUAL).clamp(FRESH_LEAST, FRESH_MOST);
                fresh.saturating_sub(part(fresh / 10)).max(FRESH_LEAST)
            }
            Outcome::Nothing => {
                let (first, last) = if self.had_keys { LATER_PAUSES } else { FIRST_PAUSES };
                let pause = first.saturating_mul(1 << self.failures.min(16)).min(last);
                self.failures = self.failures.saturating_add(1);
                pause.saturating_add(part(pause / 4))
            }
        };
        self.next = now.saturating_add(pause);
    }
}

/// How long an answer is fresh by its `cache-control`, where that says so.
pub(super) fn max_age(cache_control: &str) -> Option<Duration> {
    let directives = cache_control.split(',').map(str::trim);
    directives
        .filter_map(|directive| {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => Some(0),
                "max-age" => Some(seconds(value.trim().trim_matches('"'))),
                _ => None,
            }
        })
        .min()
        .map(Duration::from_secs)
}

/// Too large a number is a long time; what is none at all is no time.
fn seconds(text: &str) -> u64 {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    text.parse().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A machine that got its first keys at second 100.
    fn with_keys(fresh: Option<Duration>, chance: u8) -> Refresh {
        let mut refresh = Refresh::new();
        assert_eq!(refresh.due(false), Some(s(0)));
        refresh.begin(s(100));
        refresh.end(s(100), Outcome::Keys(fresh), chance);
        refresh
    }

    #[test]
    fn jwks_9_freshness_stays_between_a_minute_and_an_hour() {
        for chance in [0, 128, 255] {
            for (header, least, most) in [
                ("max-age=0", 60, 60),
                ("max-age=59", 60, 60),
                ("no-store", 60, 60),
                ("max-age=600, no-cache", 60, 60),
                ("max-age=nonsense", 60, 60),
                ("max-age=-1", 60, 60),
                ("public, MAX-AGE=\"1000\"", 900, 1000),
                ("max-age=1000000000000", 3240, 3600),
                ("max-age=99999999999999999999999", 3240, 3600),
                ("public", 270, 300),
                ("", 270, 300),
            ] {
                let due = with_keys(max_age(header), chance).due(false).unwrap_or_default() - s(100);
                assert!((s(least)..=s(most)).contains(&due), "{header}: {due:?}");
            }
        }
    }

    #[test]
    fn jwks_1_what_is_wanted_waits_for_the_cooldown() {
        let mut refresh = with_keys(Some(s(3600)), 0);
        assert_eq!(refresh.due(false), Some(s(3700)));
        assert_eq!(refresh.due(true), Some(s(130)));
        refresh.begin(s(130));
        assert_eq!(refresh.due(true), None, "one at a time");
        // However long it took and whatever it brought.
        refresh.end(s(131), Outcome::Nothing, 0);
        assert_eq!(refresh.due(true), Some(s(160)));
        refresh.begin(s(160));
        refresh.end(s(165), Outcome::Keys(None), 0);
        assert_eq!(refresh.due(true), Some(s(190)));
    }

    #[test]
    fn jwks_4_failures_are_repeated_ever_more_slowly() {
        let mut refresh = Refresh::new();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            refresh.begin(s(0));
            refresh.end(s(0), Outcome::Nothing, 0);
            pauses.push(refresh.due(true).unwrap_or_default().as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        let mut refresh = with_keys(None, 0);
        let mut pauses = Vec::new();
        for _ in 0..100 {
            refresh.begin(s(0));
            refresh.end(s(0), Outcome::Nothing, 255);
            pauses.push(refresh.due(false).unwrap_or_default().as_millis());
        }
        assert_eq!(pauses.get(..5), Some([37_500, 75_000, 150_000, 300_000, 375_000].as_slice()));
        assert_eq!(pauses.last(), Some(&375_000));
    }
}
