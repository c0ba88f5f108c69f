//! The laws of a `UnitManager`, one suite for the twin in memory and the real systemd. A law sees
//! nothing but the trait, and a world in which things happen.
//!
//! The twin is tried with every run. The real one needs a machine that booted systemd: there, this
//! test binary is run with `--ignored systemd_laws_real`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a law that cannot go on is broken

mod laws;
mod memory;
mod real;
mod room;
