#![no_main]

use fleet_fuzz::entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry("config")(bytes));
