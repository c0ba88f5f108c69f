//! Whatever is read as a unit file comes back byte for byte, and its options can be written and
//! read again.
#![no_main]

use fleet::unitfile::UnitFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(file) = UnitFile::parse(text) else { return };
    assert_eq!(file.contents(), text);
    let written = UnitFile::from_options(file.options().to_vec()).expect("what is read is writable");
    assert_eq!(written.options(), file.options());
    assert_eq!(written.hash(), file.hash());
    assert_eq!(UnitFile::parse(written.contents()).as_ref(), Ok(&written));
});
