//! What this machine is, and how it is now: from `/proc`, `os-release`, systemd and Docker's engine.
//!
//! Whatever cannot be found out is left out: no machine is kept from the cluster by it. This room
//! knows files and formats. It must not know the cluster, nor who asks.

mod docker;
mod os_release;
mod proc;

use std::path::Path;
use std::time::Duration;

use super::chain::chain;
use super::registry::Facts;
use super::systemd::UnitManager;

/// How long a daemon may take to say its version. Nothing waits for it but the facts themselves.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Names longer than this are cut: they are for tables.
const NAME_CHARS_MAX: usize = 128;

/// Where the operating system says what it is (os-release(5)): the first that is there.
const OS_RELEASE: [&str; 2] = ["/etc/os-release", "/usr/lib/os-release"];

/// How a machine is now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// The load averages of the last 1, 5 and 15 minutes.
    pub averages: [f64; 3],
    /// How much memory is in use, in bytes.
    pub memory_used: u64,
}

/// What this machine is. Takes a second at most.
pub async fn gather(systemd: &dyn UnitManager) -> Facts {
    let system = tokio::time::timeout(ANSWER_TIMEOUT, systemd.system());
    let docker = tokio::time::timeout(ANSWER_TIMEOUT, docker::version());
    let (system, docker) = tokio::join!(system, docker);
    let system = system.ok().and_then(|system| {
        system.inspect_err(|error| tracing::debug!(error = %chain(error), "facts")).ok()
    });
    let memory = read("/proc/meminfo").and_then(|text| proc::memory(&text));
    Facts {
        hostname: read("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()),
        os: OS_RELEASE.iter().find_map(|path| os_release::pretty_name(&read(path)?)),
        cpus: read("/proc/stat").and_then(|text| proc::cpus(&text)),
        memory: memory.map(|memory| memory.total),
        systemd_version: system.as_ref().map(|system| shortened(&system.version)),
        docker_version: docker.ok().flatten().map(|version| shortened(&version)),
        booted: system.map(|system| system.booted),
    }
}

/// How this machine is now; `None` when its kernel does not say.
pub fn load() -> Option<Load> {
    let averages = proc::load_averages(&read("/proc/loadavg")?)?;
    let memory_used = proc::memory(&read("/proc/meminfo")?)?.used;
    Some(Load { averages, memory_used })
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path);
    text.inspect_err(|error| tracing::debug!(path = %path.display(), %error, "facts")).ok()
}

fn shortened(name: &str) -> String {
    name.chars().take(NAME_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleetd::systemd::MemoryUnits;

    #[tokio::test]
    async fn what_cannot_be_found_out_is_left_out() {
        let systemd = MemoryUnits::new();
        let facts = gather(&systemd).await;
        assert_eq!(facts.systemd_version.as_deref(), Some("257"));
        assert!(facts.booted.is_some() && facts.hostname.is_some(), "{facts:?}");
        assert!(facts.cpus > Some(0) && facts.memory > Some(0), "{facts:?}");
        systemd.disconnect();
        let expected = Facts { systemd_version: None, booted: None, ..facts };
        assert_eq!(gather(&systemd).await, expected);
    }
}
