//! The ways in, shared with the tests.

#[path = "../../tests/support/inputs/mod.rs"]
pub mod inputs;

use inputs::{ALL, Entry};

/// The way in of this name.
pub fn entry(name: &str) -> Entry {
    let found = ALL.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("there is no way in called {name}")).1
}
