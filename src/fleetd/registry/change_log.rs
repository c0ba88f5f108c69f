//! Which keys changed when, as far back as is worth it for readers that come back. Pure.

use std::collections::VecDeque;

use super::keys::Key;
use super::store::Revision;

/// How many changed keys are remembered for readers that come back: enough for a thousand units
/// that all start while a reader was away, at about a hundred bytes each.
const LOG_LENGTH_MAX: usize = 10_000;

/// Which keys changed, in order of revision, back to some revision.
#[derive(Debug, Default)]
pub struct ChangeLog {
    /// Everything after this revision is in the log.
    complete_after: Revision,
    changes: VecDeque<(Revision, Key)>,
}

impl ChangeLog {
    /// A log that knows of nothing before or at this revision.
    pub fn starting_at(revision: Revision) -> ChangeLog {
        ChangeLog { complete_after: revision, changes: VecDeque::new() }
    }

    /// A key changed at a revision. How machines are now is not remembered: nobody comes back for
    /// it, and who watches it would soon have filled the log.
    pub fn push(&mut self, revision: Revision, key: &Key) {
        if revision <= self.complete_after || matches!(key, Key::Survey | Key::Figures(_)) {
            return;
        }
        if self.changes.len() == LOG_LENGTH_MAX
            && let Some((dropped, _)) = self.changes.pop_front()
        {
            self.complete_after = dropped;
        }
        self.changes.push_back((revision, key.clone()));
    }

    /// Which keys changed after a revision; `None` when that is longer ago than the log reaches.
    /// One that changed more than once comes as often.
    pub fn since(&self, revision: Revision) -> Option<impl Iterator<Item = &Key>> {
        if revision < self.complete_after {
            return None;
        }
        let from = self.changes.partition_point(|(at, _)| *at <= revision);
        Some(self.changes.range(from..).map(|(_, key)| key))
    }
}
