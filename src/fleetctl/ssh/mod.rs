//! Machines over SSH: the tunnel to the API, and commands on machines.
//!
//! All of it is the system's own OpenSSH: its configuration, agents, keys and jump hosts just work.
//! Which arguments it gets is decided in `command`, which is pure. This room must not know units.

mod args;
mod bridge;
mod command;
mod destination;
mod error;
mod folder;
mod known_hosts;
mod program;
pub mod quote;
mod tunnel;

use std::path::Path;
use std::time::Duration;

pub use args::SshArgs;
pub use command::{SSH, Session, Terminal};
pub use destination::Destination;
pub use error::SshError;

use self::command::{Settings, Trust};
use self::tunnel::Tunnel;
use super::ui::Ui;
use crate::api::client::{ClientError, Endpoint};

/// A broken connection is noticed by its user and by ssh itself at about the same time; what ssh
/// says is the reason.
const REASON_MAX: Duration = Duration::from_millis(500);

/// How to get to machines.
#[derive(Debug)]
pub struct Ssh {
    settings: Settings,
    tunnel: Option<Tunnel>,
}

impl Ssh {
    /// As the flags say, without a tunnel so far.
    pub fn new(args: &SshArgs) -> Self {
        let trust = match args.strict_host_key_checking {
            true => Trust::Known(args.known_hosts()),
            false => Trust::Anyone,
        };
        let user = args.ssh_username.clone();
        Self { settings: Settings { user, trust, timeout: args.ssh_timeout }, tunnel: None }
    }

    /// Opens the tunnel, and returns what the endpoint is through it.
    pub async fn open(
        &mut self,
        to: &Destination,
        endpoint: &Endpoint,
        ui: &Ui,
    ) -> Result<Endpoint, SshError> {
        known_hosts::ensure(&self.settings, to, None, ui).await?;
        let tunnel = Tunnel::open(&self.settings, to, endpoint).await?;
        Ok(self.tunnel.insert(tunnel).endpoint())
    }

    /// Whether the cluster is reached through another machine, so that none of its machines is this.
    pub fn is_tunnelled(&self) -> bool {
        self.tunnel.is_some()
    }

    /// The arguments of ssh for a command or a shell on a machine, which is asked about if it is not
    /// known.
    pub async fn session(
        &self,
        to: &Destination,
        session: &Session,
        ui: &Ui,
    ) -> Result<Vec<String>, SshError> {
        let jump = self.tunnel.as_ref().map(Tunnel::jump);
        let jump = jump.as_ref().map(|(to, control)| (*to, control.as_path() as &Path));
        known_hosts::ensure(&self.settings, to, jump, ui).await?;
        Ok(self.settings.session(to, jump, session))
    }

    /// Returns when the tunnel broke; never without one.
    pub async fn lost(&self) -> SshError {
        match &self.tunnel {
            Some(tunnel) => tunnel.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Why the API could not be reached, if the tunnel is the reason.
    pub async fn reason(&self, error: &ClientError) -> Option<SshError> {
        let tunnel = self.tunnel.as_ref()?;
        match (tokio::time::timeout(REASON_MAX, tunnel.lost()).await, error) {
            (Ok(lost), _) => Some(lost),
            // Who is late was reached: what was refused before is not the reason.
            (Err(_), ClientError::Timeout { .. }) => None,
            (Err(_), _) => tunnel.refusal(),
        }
    }

    /// Closes the tunnel.
    pub async fn close(&mut self) {
        if let Some(tunnel) = self.tunnel.take() {
            tunnel.close().await;
        }
    }
}
