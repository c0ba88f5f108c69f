//! The daemon: agent, engine and API of one machine, around the registry and systemd.
//!
//! A unit's way through it: [`api`] stores what is asked in the [`registry`]; the [`engine`] of the
//! leading machine sees it and writes it into one machine's schedule; the [`agent`] there sees
//! that, wins the unit and has [`systemd`] start it; what systemd says of it goes back the same way.

pub mod agent;
pub mod api;
mod args;
mod backoff;
mod chain;
pub mod config;
mod durable;
pub mod engine;
mod identity;
mod notify;
pub mod registry;
mod server;
mod sockets;
pub mod systemd;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::Args;
use chain::chain;
use config::{ConfigError, Loaded};
use registry::{OpenError, SettingsError};

/// This fleetd's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where the configuration is, if there is one.
const DEFAULT_CONFIG: &str = "/etc/fleet/fleet.conf";

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
        source: std::io::Error,
    },
    #[error("cannot handle signals")]
    Signals(#[source] std::io::Error),
    #[error("the agent fell over")]
    Agent(#[source] tokio::task::JoinError),
    #[error("cannot start the runtime")]
    Runtime(#[source] std::io::Error),
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
    let default = Some(PathBuf::from(DEFAULT_CONFIG)).filter(|path| path.exists());
    let file = args.config.or(default);
    let variables = std::env::vars_os();
    let readable =
        variables.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let Loaded { settings, warnings } = config::load(file.as_deref(), readable)?;
    log_to_stderr(settings.verbosity);
    for warning in warnings {
        tracing::warn!(file = ?file.as_deref().map(Path::display), "{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Fatal::Runtime)?;
    runtime.block_on(server::run(settings, args.standalone, args.listen))
}

/// The journal adds times and names by itself.
fn log_to_stderr(verbosity: u8) {
    let default = if verbosity == 0 { "fleet=info" } else { "fleet=debug" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_target(false).with_ansi(terminal);
    if terminal { log.init() } else { log.without_time().init() }
}
