//! How long an engine lets others go first when nobody leads. Pure; chance comes in as a value.
//!
//! A thousand engines hear in the same moment that the leader is gone. If all asked at once for a
//! lease that one of them can use, that would be a storm. So each waits for a while, and who sees
//! another one lead meanwhile asks for nothing. How many they are nobody knows; so most wait almost
//! for the longest time and exponentially fewer for a shorter one: whatever their number, a handful
//! come first (the timers of RFC 5401, 3.2.1 and 5.2, with which receivers of a multicast keep their
//! answers from colliding).

use std::time::Duration;

/// The longest wait, at least: nobody leads meanwhile, so it is short for people, and some times as
/// long as it takes the first to lead and the rest to see that.
const LONGEST_MIN: Duration = Duration::from_millis(50);

/// And at most, however slow the store is.
const LONGEST_MAX: Duration = Duration::from_millis(500);

/// So many times as long as the store takes to answer: leading takes two answers and some news.
const ANSWERS: u32 = 10;

/// The logarithm of the number of engines up to which a handful come first: a thousand, and one more.
const LOG_OF_MOST: f64 = 7.9;

/// The wait of an engine to which chance gave `chance`, from 0 to 1, and which the store took
/// `answer` to answer.
pub fn courtesy(chance: f64, answer: Duration) -> Duration {
    let longest = (answer * ANSWERS).clamp(LONGEST_MIN, LONGEST_MAX);
    let spread = chance.clamp(0.0, 1.0) * LOG_OF_MOST.exp_m1();
    longest.mul_f64(spread.ln_1p() / LOG_OF_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many engines, evenly lucky, wait for less than a fifth of the longest time
    /// more than the first: about as long as it takes that one to lead.
    fn first(engines: u32) -> usize {
        let chance = |n: u32| f64::from(n) / f64::from(engines);
        let waits = (1..=engines).map(|n| courtesy(chance(n), Duration::ZERO));
        let waits: Vec<Duration> = waits.collect();
        waits.iter().filter(|wait| **wait < waits[0] + LONGEST_MIN / 5).count()
    }

    #[test]
    fn a_handful_comes_first_however_many_there_are() {
        for engines in [1, 2, 3, 10, 100, 1000] {
            assert!(first(engines) <= 6, "{} of {engines}", first(engines));
        }
    }

    #[test]
    fn nobody_waits_for_long() {
        let second = Duration::from_secs(1);
        for (answer, longest) in
            [(Duration::ZERO, LONGEST_MIN), (second / 100, second / 10), (second, LONGEST_MAX)]
        {
            assert_eq!(courtesy(0.0, answer), Duration::ZERO);
            assert_eq!(courtesy(1.0, answer), longest);
            assert_eq!(courtesy(9.0, answer), longest);
        }
    }
}
