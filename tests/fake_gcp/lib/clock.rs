//! The fake's time: the machine's, shifted as tests ask for it.

use jiff::{SignedDuration, Timestamp};

/// A clock that keeps running from wherever it was set.
#[derive(Default)]
pub struct Clock {
    shift: SignedDuration,
}

impl Clock {
    /// Now, in microseconds as Google's answers have it.
    pub fn now(&self) -> Timestamp {
        let shifted = machine_time() + self.shift;
        Timestamp::from_microsecond(shifted.as_microsecond()).unwrap_or(shifted)
    }

    pub fn set(&mut self, now: Timestamp) {
        self.shift = now.duration_since(machine_time());
    }

    pub fn advance(&mut self, by: SignedDuration) {
        self.shift = self.shift.saturating_add(by);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the fake's clock comes from; everything else asks `Clock`"
)]
fn machine_time() -> Timestamp {
    Timestamp::now()
}

/// RFC 3339 in UTC with 0, 3, 6 or 9 decimals, whichever is enough, as proto3 JSON prints times.
/// <https://protobuf.dev/programming-guides/json/>
pub fn rfc3339(time: Timestamp) -> String {
    match time.subsec_nanosecond() {
        0 => format!("{time:.0}"),
        nanos if nanos % 1_000_000 == 0 => format!("{time:.3}"),
        nanos if nanos % 1_000 == 0 => format!("{time:.6}"),
        _ => format!("{time:.9}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_runs_on_and_can_be_advanced() {
        let mut clock = Clock::default();
        let day: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
        clock.set(day);
        clock.advance(SignedDuration::from_hours(24));
        let shown = rfc3339(clock.now());
        assert!(shown.starts_with("2026-11-22T00:00:0"), "{shown}");
        assert!(shown.ends_with('Z'), "{shown}");
    }

    #[test]
    fn no_decimals_more_than_needed() {
        for (nanos, shown) in [
            (0, ""),
            (500_000_000, ".500"),
            (120_450_000, ".120450"),
            (1, ".000000001"),
        ] {
            let time = Timestamp::new(1_700_000_000, nanos).unwrap();
            assert_eq!(rfc3339(time), format!("2023-11-14T22:13:20{shown}Z"));
        }
    }
}
