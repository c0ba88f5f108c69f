//! What there is to read about the command line, written from its one definition: manual pages, and
//! the reference in Markdown.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use crate::fleetctl::error::Error;

/// Columns of the help texts in the reference, whatever terminal it is made on.
const WIDTH: usize = 100;

/// The definition as it is told on pages: flags of every command are told once, with `fleetctl`.
fn definition() -> Command {
    let mut root = Cli::command().disable_help_subcommand(true).term_width(WIDTH);
    root.build();
    root.mut_subcommands(|command| {
        command.mut_args(|arg| if arg.is_global_set() { arg.hide(true) } else { arg })
    })
}

/// The commands that are shown to users.
fn shown(root: &Command) -> impl Iterator<Item = &Command> {
    root.get_subcommands().filter(|command| !command.is_hide_set())
}

/// Writes the manual pages, one for fleetctl and one for each command, into a folder.
pub fn write_manual(folder: &Path) -> Result<(), Error> {
    let failed = |path: PathBuf| move |source| Error::Write { path, source };
    fs::create_dir_all(folder).map_err(failed(folder.to_owned()))?;
    let root = definition();
    for command in shown(&root).chain([&root]) {
        let page = Man::new(command.clone())
            .manual("fleet")
            .source(concat!("fleet ", env!("CARGO_PKG_VERSION")));
        let path = folder.join(page.get_filename());
        let mut text = Vec::new();
        page.render(&mut text).map_err(failed(path.clone()))?;
        fs::write(&path, text).map_err(failed(path))?;
    }
    Ok(())
}

/// The reference: every command's help, one after another.
pub fn markdown() -> String {
    let root = definition();
    let mut text = "# fleetctl\n\nWhat `fleetctl help COMMAND` says, in one place. Every flag of fleetctl's \
                    own has a variable, too; a flag beats its variable, and an empty variable counts as unset.\n"
        .to_owned();
    text.push_str(&help(&root));
    for command in shown(&root) {
        text.push_str(&format!("\n## fleetctl {}\n", command.get_name()));
        text.push_str(&help(command));
    }
    text
}

fn help(command: &Command) -> String {
    let help = command.clone().render_long_help().to_string();
    let lines = help.trim_end().lines().map(str::trim_end);
    format!("\n```text\n{}\n```\n", lines.collect::<Vec<_>>().join("\n"))
}
