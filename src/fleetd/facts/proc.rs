//! The formats of `/proc` (proc(5)). Pure.

/// A machine's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel can use.
    pub total: u64,
    /// What could not be given to a new program without swapping: caches do not count.
    pub used: u64,
}

/// From `/proc/meminfo`.
pub fn memory(meminfo: &str) -> Option<Memory> {
    let bytes = |key: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    };
    let total = bytes("MemTotal")?;
    Some(Memory { total, used: total.saturating_sub(bytes("MemAvailable")?) })
}

/// How many processors are on, from `/proc/stat`: one line each, below the line of their sum.
pub fn cpus(stat: &str) -> Option<u32> {
    let of_one = |line: &&str| {
        let number = line.strip_prefix("cpu").and_then(|rest| rest.chars().next());
        number.is_some_and(|digit| digit.is_ascii_digit())
    };
    let count = u32::try_from(stat.lines().filter(of_one).count()).ok()?;
    (count > 0).then_some(count)
}

/// From `/proc/loadavg`.
pub fn load_averages(loadavg: &str) -> Option<[f64; 3]> {
    let mut numbers = loadavg.split_ascii_whitespace().map(|word| word.parse::<f64>());
    let mut next = || numbers.next()?.ok().filter(|number| number.is_finite());
    Some([next()?, next()?, next()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_programs_can_have() {
        let text = "MemTotal:        2048 kB\nMemFree:          100 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(memory(text), Some(Memory { total: 2 << 20, used: 1 << 20 }));
        let more = "MemTotal: 1 kB\nMemAvailable: 2 kB\n";
        assert_eq!(memory(more), Some(Memory { total: 1024, used: 0 }));
        for bad in [
            "",
            "MemTotal: 1 kB\n",
            "MemTotal: x kB\nMemAvailable: 1 kB\n",
            "MemTotal: 1\nMemAvailable: 1\n",
            "MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB\n",
        ] {
            assert_eq!(memory(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn processors_are_counted_without_their_sum() {
        assert_eq!(cpus("cpu  9 9\ncpu0 4 4\ncpu1 5 5\nintr 1\nctxt 2\n"), Some(2));
        assert_eq!(cpus("cpu  9 9\n"), None);
        assert_eq!(cpus(""), None);
    }

    #[test]
    fn load_averages_are_three_numbers() {
        assert_eq!(load_averages("0.25 1.50 12.00 1/345 6789\n"), Some([0.25, 1.5, 12.0]));
        for bad in ["", "1 2", "1 2 x", "1 2 inf", "NaN 1 2"] {
            assert_eq!(load_averages(bad), None, "{bad:?}");
        }
    }
}
