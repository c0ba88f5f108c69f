//! What a benchmark measured, as people read it: samples, and tables of them, which are printed and,
//! with `RECORD=1`, kept in `docs/performance.md`, and plots beside it. It must not know what is measured.

mod plot;
mod samples;
mod table;

pub use plot::Plot;
pub use samples::{Samples, time};
pub use table::Table;
