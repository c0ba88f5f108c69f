//! In which form things are stored: one number for all keys and values, so that fleetds of two
//! versions never misread each other. `docs/decisions` says how it grows.

use super::Registry;
use super::keys::Key;
use super::store::{Revision, StoreError};

/// The newest format that this fleetd reads and writes.
pub const FORMAT: u32 = 1;

/// What a store has that says none, and what a fleetd reads that tells none: whatever [`FORMAT`] is.
pub const FIRST_FORMAT: u32 = 1;

/// Whether a fleetd of one format reads a store of another: its own, and the one before.
pub fn reads(own: u32, stored: u32) -> bool {
    stored == own || stored.checked_add(1) == Some(own)
}

impl Registry {
    /// Returns once the store's format, as it was read at `seen`, may have changed.
    pub async fn format_changed(&self, seen: Revision) -> Result<(), StoreError> {
        self.first_after(&Key::Format, seen, |_| Some(())).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fleetd_reads_its_own_format_and_the_one_before() {
        let read: Vec<u32> = (0..6).filter(|stored| reads(3, *stored)).collect();
        assert_eq!(read, [2, 3]);
        assert!(!reads(1, u32::MAX));
    }
}
