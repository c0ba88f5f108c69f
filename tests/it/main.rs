//! Every test that runs anywhere, in one binary: no root, no network.

mod cli;
