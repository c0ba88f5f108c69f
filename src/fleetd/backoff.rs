//! How long to wait before trying again: longer each time, up to a bound, with jitter so that a
//! thousand machines do not come back in the same millisecond.

use std::time::Duration;

/// The first pause. Short, since most failures are over at once (an etcd leader change takes
/// about a second, a restarted member less).
const FIRST: Duration = Duration::from_millis(50);

/// A growing pause.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    max: Duration,
}

impl Backoff {
    /// Pauses that double from 50 ms up to `max`.
    pub fn up_to(max: Duration) -> Backoff {
        Backoff { next: FIRST.min(max), max }
    }

    /// The pause to make now: between half and all of the current step.
    pub fn next(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.max);
        Backoff::once(step)
    }

    /// One pause of about `most`: between half and all of it.
    pub fn once(most: Duration) -> Duration {
        most.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// It worked for so long: start small again, unless it broke at once.
    pub fn worked_for(&mut self, time: Duration) {
        if time > self.max {
            self.reset();
        }
    }

    /// It worked: start small again.
    pub fn reset(&mut self) {
        self.next = FIRST.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_start_small_again() {
        let mut backoff = Backoff::up_to(Duration::from_millis(150));
        for step in [50, 100, 150, 150] {
            let pause = backoff.next();
            let step = Duration::from_millis(step);
            assert!(step / 2 <= pause && pause <= step, "{pause:?} of {step:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
        backoff.worked_for(Duration::from_millis(100));
        assert!(backoff.next() >= FIRST, "what breaks at once did not work");
        backoff.worked_for(Duration::from_millis(151));
        assert!(backoff.next() <= FIRST);
    }
}
