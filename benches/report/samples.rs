//! Several measurements of one thing.

use std::time::Duration;

/// How long one thing took, each time.
#[derive(Debug, Clone)]
pub struct Samples(Vec<Duration>);

impl Samples {
    /// Of one measurement or more.
    pub fn of(measured: impl IntoIterator<Item = Duration>) -> Samples {
        let mut all: Vec<_> = measured.into_iter().collect();
        assert!(!all.is_empty(), "nothing was measured");
        all.sort();
        Samples(all)
    }

    /// So long or shorter it took this part (0 to 1) of the times, by nearest rank.
    pub fn quantile(&self, part: f64) -> Duration {
        let rank = (part * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }

    /// The one in the middle.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// The median, and between which two all of them lie.
    pub fn spread(&self) -> String {
        let (first, last) = (self.0[0], self.0[self.0.len() - 1]);
        match self.0.len() {
            1 => time(first),
            _ => format!("{} ({} to {})", time(self.median()), time(first), time(last)),
        }
    }
}

/// A time in three digits.
pub fn time(time: Duration) -> String {
    let secs = time.as_secs_f64();
    let (value, unit) = match secs {
        secs if secs >= 1.0 => (secs, "s"),
        secs if secs >= 1e-3 => (secs * 1e3, "ms"),
        secs => (secs * 1e6, "µs"),
    };
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {unit}")
}
