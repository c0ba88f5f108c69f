//! The commands, a file each: `Args`, whose doc comment is the help text, and `run`.

pub(super) mod apply;
pub(super) mod cat;
pub(super) mod completions;
pub(super) mod destroy;
pub(super) mod diff;
pub(super) mod events;
pub(super) mod export;
pub(super) mod fd_forward;
pub(super) mod journal;
pub(super) mod list_machines;
pub(super) mod list_unit_files;
pub(super) mod list_units;
pub(super) mod load;
pub(super) mod man;
pub(super) mod restart;
pub(super) mod ssh;
pub(super) mod start;
pub(super) mod status;
pub(super) mod stop;
pub(super) mod submit;
pub(super) mod unload;
pub(super) mod verify;
pub(super) mod version;
pub(super) mod why;

use super::Context;
use super::cli::Command;
use super::error::{Error, ExitStatus};

/// Runs a command.
pub(super) async fn run(context: &Context, command: &Command) -> Result<ExitStatus, Error> {
    match command {
        Command::Apply(args) => apply::run(context, args).await,
        Command::Cat(args) => cat::run(context, args).await,
        Command::Completions(args) => completions::run(context, args),
        Command::Destroy(args) => destroy::run(context, args).await,
        Command::Diff(args) => diff::run(context, args).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Export(args) => export::run(context, args).await,
        Command::FdForward(args) => fd_forward::run(args),
        Command::Journal(args) => journal::run(context, args).await,
        Command::ListMachines(args) => list_machines::run(context, args).await,
        Command::ListUnitFiles(args) => list_unit_files::run(context, args).await,
        Command::ListUnits(args) => list_units::run(context, args).await,
        Command::Load(args) => load::run(context, args).await,
        Command::Man(args) => man::run(context, args),
        Command::Restart(args) => restart::run(context, args).await,
        Command::Ssh(args) => ssh::run(context, args).await,
        Command::Start(args) => start::run(context, args).await,
        Command::Status(args) => status::run(context, args).await,
        Command::Stop(args) => stop::run(context, args).await,
        Command::Submit(args) => submit::run(context, args).await,
        Command::Unload(args) => unload::run(context, args).await,
        Command::Verify(args) => verify::run(context, args).await,
        Command::Version(args) => version::run(context, args),
        Command::Why(args) => why::run(context, args).await,
    }
}
