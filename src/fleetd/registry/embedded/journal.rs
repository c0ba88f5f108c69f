//! The disk: every change of the embedded store, written to a redb file and read back at start.
//!
//! What must survive a power cut (units, schedule: keys bound to no lease) is synced to disk before
//! it is acknowledged. Keys bound to a lease come and go with every state change of every unit and
//! are worth nothing when their machine is down, so changes of those alone are not synced: they
//! survive a restart of fleetd, but a crash may lose the last of them. Never one from the middle:
//! the file always holds the store as it was at some revision.
//!
//! So that a revision lost this way is not given out a second time, for something else, revisions
//! are reserved in blocks and a start continues after the last block.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};

use super::super::store::{Event, KeyValue, LeaseId, Revision};
use super::txn::Keys;

/// Key → revision created, revision modified, lease (0: none), value.
const KEYS: TableDefinition<&str, (i64, i64, i64, &[u8])> = TableDefinition::new("keys");

/// Lease → its time to live in milliseconds.
const LEASES: TableDefinition<i64, u64> = TableDefinition::new("leases");

/// The last revision reserved; the next lease.
const COUNTERS: TableDefinition<&str, i64> = TableDefinition::new("counters");
const REVISION: &str = "revision";
const LEASE: &str = "lease";

/// Revisions reserved at a time. Also how often a change that needs no sync is synced all the same,
/// which lets redb use the pages of the unsynced ones again.
const BLOCK: i64 = 1_000;

/// redb's page cache. All keys are in memory anyway; this only spares reads while writing.
const CACHE_BYTES: usize = 4 << 20;

/// The open file.
#[derive(Debug)]
pub(super) struct Journal {
    database: Database,
    reserved: Revision,
}

/// What an earlier life left behind.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) keys: Keys,
    pub(super) leases: Vec<(LeaseId, Duration)>,
    pub(super) next_lease: i64,
    pub(super) revision: Revision,
}

/// One step of the store, written whole or not at all.
#[derive(Debug)]
pub(super) struct Entry<'e> {
    /// The store's revision after it.
    pub(super) revision: Revision,
    pub(super) events: &'e [Event],
    pub(super) lease: Option<LeaseChange>,
    /// Whether it must be on disk before it is acknowledged.
    pub(super) lasting: bool,
}

/// What happened to a lease.
#[derive(Debug)]
pub(super) enum LeaseChange {
    Granted(LeaseId, Duration),
    Ended(LeaseId),
}

impl Journal {
    /// Opens or creates the file; blocks.
    pub(super) fn open(path: &Path) -> Result<(Journal, Contents), redb::Error> {
        let file = open_private(path)?;
        let file = FileBackend::new(file)?;
        let mut database =
            Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(file)?;
        // redb takes a file that was closed in order at its word, and a bit that flipped on the disk
        // would end up in a unit file. Everything is read once anyway, so check it.
        if !database.check_integrity()? {
            tracing::error!(path = %path.display(), "store was damaged; back at its last whole step");
        }
        let writing = database.begin_write()?;
        writing.open_table(KEYS)?;
        writing.open_table(LEASES)?;
        writing.open_table(COUNTERS)?;
        writing.commit()?;

        let contents = read(&database)?;
        Ok((Journal { database, reserved: contents.revision }, contents))
    }

    /// Writes one step; blocks.
    pub(super) fn write(&mut self, entry: &Entry<'_>) -> Result<(), redb::Error> {
        let mut writing = self.database.begin_write()?;
        let mut lasting = entry.lasting;
        write_events(&writing, entry.events)?;
        if let Some(change) = &entry.lease {
            // Synced, since the number of a lease must never be given out again.
            lasting |= matches!(change, LeaseChange::Granted(..));
            write_lease(&writing, change)?;
        }
        let mut reserved = self.reserved;
        if entry.revision > reserved {
            reserved = Revision(entry.revision.0 + BLOCK);
            writing.open_table(COUNTERS)?.insert(REVISION, reserved.0)?;
            lasting = true;
        }
        if !lasting {
            writing.set_durability(Durability::None)?;
        }
        writing.commit()?;
        self.reserved = reserved;
        Ok(())
    }
}

/// Unit files can hold secrets: what is created is readable for its owner only.
fn open_private(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;

    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn read(database: &Database) -> Result<Contents, redb::Error> {
    let reading = database.begin_read()?;
    let mut keys = Keys::new();
    for row in reading.open_table(KEYS)?.iter()? {
        let (key, row) = row?;
        let (created, modified, lease, value) = row.value();
        let key = key.value().to_owned();
        let entry = KeyValue {
            key: key.clone(),
            value: value.to_owned(),
            created: Revision(created),
            modified: Revision(modified),
            lease: (lease != 0).then_some(LeaseId(lease)),
        };
        keys.insert(key, entry);
    }
    let mut leases = Vec::new();
    for row in reading.open_table(LEASES)?.iter()? {
        let (id, ttl_millis) = row?;
        leases.push((LeaseId(id.value()), Duration::from_millis(ttl_millis.value())));
    }
    let counters = reading.open_table(COUNTERS)?;
    let counter = |name| Ok::<_, redb::Error>(counters.get(name)?.map_or(1, |row| row.value()));
    let next_lease = counter(LEASE)?;
    Ok(Contents { keys, leases, next_lease, revision: Revision(counter(REVISION)?) })
}

fn write_events(writing: &WriteTransaction, events: &[Event]) -> Result<(), redb::Error> {
    let mut table = writing.open_table(KEYS)?;
    for event in events {
        match event {
            Event::Put(entry) => {
                let lease = entry.lease.map_or(0, |lease| lease.0);
                let row = (entry.created.0, entry.modified.0, lease, entry.value.as_slice());
                table.insert(entry.key.as_str(), row)?;
            }
            Event::Deleted(key) => {
                table.remove(key.as_str())?;
            }
        }
    }
    Ok(())
}

fn write_lease(writing: &WriteTransaction, change: &LeaseChange) -> Result<(), redb::Error> {
    let mut table = writing.open_table(LEASES)?;
    match change {
        LeaseChange::Granted(id, ttl) => {
            let ttl_millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            table.insert(id.0, ttl_millis)?;
            writing.open_table(COUNTERS)?.insert(LEASE, id.0 + 1)?;
        }
        LeaseChange::Ended(id) => {
            table.remove(id.0)?;
        }
    }
    Ok(())
}
