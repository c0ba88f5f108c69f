//! The daemon: agent, engine and API of one machine, around the registry and systemd.
//!
//! A unit's way through it: [`api`] stores what is asked in the [`registry`]; the [`engine`] of the
//! leading machine sees it and writes it into one machine's schedule; the [`agent`] there sees
//! that, wins the unit and has [`systemd`] start it; what systemd says of it goes back the same way.

pub mod agent;
pub mod api;
mod args;
mod backoff;
pub mod boot_clock;
mod chain;
pub mod clock;
pub mod config;
pub mod connections;
mod durable;
pub mod engine;
mod facts;
mod identity;
mod log;
pub mod metrics;
mod notify;
pub mod registry;
mod reload;
mod server;
pub mod sockets;
pub mod systemd;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use chain::chain;
use config::{ConfigError, Loaded, Settings, Source};
use log::Log;
use registry::{EtcdStore, OpenError, SettingsError};
use reload::InForce;

/// This fleetd's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why fleetd cannot run.
#[derive(Debug, thiserror::Error)]
enum Fatal {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] identity::IdentityError),
    #[error(transparent)]
    Listen(#[from] sockets::ListenError),
    #[error(transparent)]
    Systemd(#[from] systemd::SystemdError),
    #[error(transparent)]
    AgentStart(#[from] agent::AgentError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Etcd(#[from] SettingsError),
    #[error("cannot make the folder {path}; fleetd runs as root")]
    Folder {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot handle signals")]
    Signals(#[source] io::Error),
    #[error("the agent fell over")]
    Agent(#[source] tokio::task::JoinError),
    #[error("cannot print")]
    Print(#[source] io::Error),
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

/// The whole program.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args = Args::parse_from(args::two_dashes(args));
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleetd: {}", chain(&error));
            ExitCode::FAILURE
        }
    }
}

fn start(args: Args) -> Result<(), Fatal> {
    if args.man {
        return args::manual().and_then(|page| print(&page)).map_err(Fatal::Print);
    }
    let mut source = Source::new(args.config);
    let Loaded { settings, warnings } = source.load()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Fatal::Runtime)?;
    if args.check_config {
        return runtime.block_on(check(settings, &warnings, args.standalone));
    }
    let log = Log::to_stderr(settings.verbosity);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    runtime.block_on(async {
        let in_force = InForce::new(source, settings.clone(), log).await;
        server::run(settings, in_force, args.standalone, args.listen).await
    })
}

/// Shows the settings that would be used, the address of this machine as it would be found among
/// them, after what is wrong with them.
async fn check(mut settings: Settings, warnings: &[String], standalone: bool) -> Result<(), Fatal> {
    for warning in warnings {
        eprintln!("fleetd: {warning}");
    }
    if !standalone {
        // Reads the files that are named; asks etcd nothing.
        EtcdStore::connect(settings.etcd.clone())?;
    }
    settings.public_ip = Some(identity::address(&settings).await);
    let lines = config::shown(&settings).join("\n") + "\n";
    print(lines.as_bytes()).map_err(Fatal::Print)
}

/// Who reads may have had enough before the end.
fn print(text: &[u8]) -> io::Result<()> {
    match io::stdout().write_all(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
