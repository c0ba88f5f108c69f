//! Counts as `docs/performance.md` has them: what is counted is what the page says.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::table::Table;

/// One test at a time writes the page.
static PAGE: Mutex<()> = Mutex::new(());

/// Prints a table, and compares it with the page; keeps it there instead, if `RECORD=1`.
pub fn compare(table: &Table) {
    let _turn = PAGE.lock().unwrap_or_else(PoisonError::into_inner);
    table.tell();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let page = std::fs::read_to_string(path).unwrap();
    let renew = "RECORD=1 cargo test --test it counts, then look at the difference";
    assert!(page.contains(&table.text()), "docs/performance.md says something else: {renew}");
}
