//! Every way in for what others send or store, one function each: whatever the bytes, nothing
//! panics and nothing is changed by what is refused. Driven at length by `fuzz/`, and for a moment,
//! from the same seeds, by every run of the tests.

mod request;
mod stored;
mod text;

/// Takes what came in.
pub type Entry = fn(&[u8]);

/// The ways in. The name is that of the fuzz target and of the folder of its seeds.
pub const ALL: &[(&str, Entry)] = &[
    ("config", text::config),
    ("events", text::events),
    ("lint", text::lint),
    ("request", request::request),
    ("stored", stored::stored),
    ("unit_file", text::unit_file),
    ("x_fleet", text::x_fleet),
];
