//! How long units with `OnPartition=stop` may run: as long as it is certain that the session lives.
//!
//! That is certain for a while after the last heartbeat that the store acknowledged, counted from
//! when it was sent. The proof is written down before it counts, so that a fleetd that is restarted
//! while the store is away stops these units at the same moment. It must not know units.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::diff::Touch;
use crate::fleetd::boot_clock::BootClock;
use crate::fleetd::durable;
use crate::model::STOP_TTL_MIN;

/// How long before the lease can lapse the last process is killed: for what a kill takes on a busy
/// machine, and for clocks that do not go alike.
const RESERVE: Duration = Duration::from_secs(2);

/// Knows whether this machine is in touch with the cluster.
#[derive(Debug)]
pub struct Fence {
    clock: Arc<dyn BootClock>,
    file: PathBuf,
    proof: watch::Sender<Option<Proof>>,
    touch: watch::Receiver<Touch>,
    task: JoinHandle<()>,
}

/// That the session lived at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Proof {
    /// When the heartbeat was sent that was acknowledged, since the boot.
    sent_millis: u64,
    /// How long the session lives after it, at least.
    ttl_millis: u64,
}

impl Fence {
    /// Goes by what an earlier fleetd of this boot left in `folder`, which is made if it is not there.
    pub fn start(folder: PathBuf, clock: Arc<dyn BootClock>) -> io::Result<Fence> {
        std::fs::create_dir_all(&folder)?;
        let file = folder.join("last");
        // What is not there, or does not read, proves nothing; nor does what is of another boot.
        let saved = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let saved = saved.filter(|proof: &Proof| proof.sent() <= clock.now());
        let (proof, proofs) = watch::channel(saved);
        let (tell, touch) = watch::channel(touch(saved, clock.now()));
        let task = tokio::spawn(keep_told(Arc::clone(&clock), proofs, tell));
        Ok(Fence { clock, file, proof, touch, task })
    }

    /// The time, as heartbeats are to be stamped.
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Whether this machine is in touch with the cluster, now.
    pub fn touch(&self) -> Touch {
        touch(*self.proof.borrow(), self.clock.now())
    }

    /// The same, as it changes.
    pub fn turns(&self) -> watch::Receiver<Touch> {
        self.touch.clone()
    }

    /// The store acknowledged the heartbeat of that time. An error means that it could not be written
    /// down: it counts, but not for a fleetd that follows.
    pub fn acknowledged(&self, sent: Duration, ttl: Duration) -> io::Result<()> {
        if ttl < STOP_TTL_MIN {
            return Ok(());
        }
        let proof = Proof { sent_millis: millis(sent), ttl_millis: millis(ttl) };
        let text = serde_json::to_vec(&proof)?;
        let written = durable::write(&self.file, &text);
        self.proof.send_replace(Some(proof));
        written
    }

    /// The session is gone: nothing is certain any more.
    pub fn lost(&self) {
        self.proof.send_replace(None);
        if let Err(error) = std::fs::remove_file(&self.file) {
            tracing::debug!(%error, "removing the last heartbeat");
        }
    }

    /// Waits for something until touch is worse than it was: `None`.
    pub async fn in_time<T>(&self, was: Touch, what: impl Future<Output = T>) -> Option<T> {
        let mut turns = self.turns();
        tokio::select! {
            biased;
            done = what => Some(done),
            _ = turns.wait_for(|touch| *touch > was) => None,
        }
    }
}

impl Drop for Fence {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proof {
    fn sent(self) -> Duration {
        Duration::from_millis(self.sent_millis)
    }

    /// From when on it is no longer enough: in a third of its time the next heartbeat is due, and that
    /// gets another third to be answered.
    fn stale(self) -> Duration {
        self.sent() + Duration::from_millis(self.ttl_millis) * 2 / 3
    }

    /// From when on it is as good as none.
    fn void(self) -> Duration {
        self.sent() + Duration::from_millis(self.ttl_millis).saturating_sub(RESERVE)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn touch(proof: Option<Proof>, now: Duration) -> Touch {
    match proof {
        Some(proof) if now < proof.stale() => Touch::Kept,
        Some(proof) if now < proof.void() => Touch::Lost,
        _ => Touch::Over,
    }
}

/// Tells of every change as it happens, until nobody can prove anything any more.
async fn keep_told(
    clock: Arc<dyn BootClock>,
    mut proofs: watch::Receiver<Option<Proof>>,
    tell: watch::Sender<Touch>,
) {
    loop {
        let proof = *proofs.borrow_and_update();
        let (now, moments) = (clock.now(), proof.map(|proof| [proof.stale(), proof.void()]));
        let is = touch(proof, now);
        tell.send_if_modified(|was| std::mem::replace(was, is) != is);
        let next = moments.into_iter().flatten().find(|moment| *moment > now);
        let turn = async {
            match next {
                Some(moment) => clock.until(moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = proofs.changed() => if changed.is_err() { return },
            () = turn => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_two_thirds_of_its_time_and_void_two_seconds_before_its_end() {
        let proof = Some(Proof { sent_millis: 100_000, ttl_millis: 30_000 });
        let table = [
            (proof, 100_000, Touch::Kept),
            (proof, 119_999, Touch::Kept),
            (proof, 120_000, Touch::Lost),
            (proof, 127_999, Touch::Lost),
            (proof, 128_000, Touch::Over),
            (proof, 999_000, Touch::Over),
            (None, 100_000, Touch::Over),
        ];
        for (proof, now, expected) in table {
            assert_eq!(touch(proof, Duration::from_millis(now)), expected, "{proof:?} at {now}");
        }
    }

    #[test]
    fn there_is_time_to_stop_with_the_shortest_time_to_live() {
        let shortest = Proof { sent_millis: 0, ttl_millis: millis(STOP_TTL_MIN) };
        assert!(shortest.stale() + Duration::from_secs(1) < shortest.void());
    }
}
