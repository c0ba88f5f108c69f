//! Bash. Its own splitting of the line breaks names of instances at `@` and URLs at `:`, so that the
//! line is split here between spaces, and readline gets back only what follows its last break.

use std::ffi::OsString;
use std::io::{Error, Write};
use std::path::Path;

use clap_complete::engine;
use clap_complete::env::EnvCompleter;

/// Sets `COMPREPLY`. `$2` is what readline takes for the word: the end of the real one.
const SCRIPT: &str = r#"_NAME() {
    local line=${COMP_LINE:0:COMP_POINT} words word candidate
    read -ra words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word=${words[-1]}
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("${candidate#"${word%"$2"}"}")
    done < <(VARIABLE=bash COMPLETER -- "${words[@]}" 2> /dev/null)
    # A folder, or a flag that wants its value, is followed by no space.
    [[ ${COMPREPLY-} == *[=/] ]] && compopt -o nospace
    return 0
}
complete -o bashdefault -o nosort -F _NAME BIN
"#;

/// Asks for candidates for the last word.
pub(super) struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == self.name()
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        buf: &mut dyn Write,
    ) -> Result<(), Error> {
        let script = SCRIPT.replace("NAME", name).replace("VARIABLE", var);
        let script = script.replace("COMPLETER", completer).replace("BIN", bin);
        buf.write_all(script.as_bytes())
    }

    fn write_complete(
        &self,
        cmd: &mut clap::Command,
        args: Vec<OsString>,
        current_dir: Option<&Path>,
        buf: &mut dyn Write,
    ) -> Result<(), Error> {
        let last = args.len().saturating_sub(1);
        for candidate in engine::complete(cmd, args, last, current_dir)? {
            writeln!(buf, "{}", candidate.get_value().to_string_lossy())?;
        }
        Ok(())
    }
}
