//! SIGHUP: the configuration is read again, and what can change while fleetd runs changes at once.
//! No listener and no unit is touched. A configuration that is wrong changes nothing.
//!
//! This knows who has to hear of a change. What an option may say is the business of `config`.

use tokio::sync::watch;

use super::chain::chain;
use super::config::{Effect, Loaded, Settings, Source, changes};
use super::identity::record;
use super::log::Log;
use super::registry::MachineRecord;

/// The settings in force, and those who hear when they change.
#[derive(Debug)]
pub struct Live {
    source: Source,
    settings: Settings,
    log: Log,
    record: watch::Sender<MachineRecord>,
    token_limit: watch::Sender<usize>,
    engine: watch::Sender<bool>,
}

impl Live {
    /// The settings that fleetd starts with.
    pub async fn new(source: Source, settings: Settings, log: Log) -> Live {
        Live {
            record: watch::Sender::new(record(&settings).await),
            token_limit: watch::Sender::new(settings.token_limit),
            engine: watch::Sender::new(!settings.disable_engine),
            source,
            settings,
            log,
        }
    }

    /// What this machine says of itself.
    pub fn record(&self) -> watch::Receiver<MachineRecord> {
        self.record.subscribe()
    }

    /// For who finds out more of this machine than its settings say.
    pub fn teller(&self) -> watch::Sender<MachineRecord> {
        self.record.clone()
    }

    /// The most entries of a page of the API.
    pub fn token_limit(&self) -> watch::Receiver<usize> {
        self.token_limit.subscribe()
    }

    /// Whether this machine may lead.
    pub fn engine(&self) -> watch::Receiver<bool> {
        self.engine.subscribe()
    }

    /// Reads the configuration again, and says what became of each change.
    pub async fn reload(&mut self) {
        // Word for word as fleet 1.0 said it: scripts look for it.
        tracing::info!("Reloading configuration");
        let Loaded { settings, warnings } = match self.source.load() {
            Ok(loaded) => loaded,
            Err(error) => {
                tracing::error!(error = %chain(&error), "the settings stay as they were");
                return;
            }
        };
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let changes = changes(&self.settings, &settings);
        if changes.is_empty() {
            tracing::info!("no setting changed");
        }
        for change in &changes {
            match change.effect {
                Effect::AtOnce => tracing::info!("{change}"),
                Effect::Restart | Effect::Rejoin => tracing::warn!("{change}"),
            }
        }
        self.apply(settings).await;
    }

    /// What is not of this list keeps the value fleetd was started with.
    async fn apply(&mut self, new: Settings) {
        let Settings { verbosity, public_ip, metadata, token_limit, disable_engine, .. } = new;
        let now = &mut self.settings;
        (now.verbosity, now.token_limit, now.disable_engine) =
            (verbosity, token_limit, disable_engine);
        (now.public_ip, now.metadata) = (public_ip, metadata);
        self.log.set(now.verbosity);
        self.token_limit.send_if_modified(|old| std::mem::replace(old, token_limit) != token_limit);
        let may_lead = !disable_engine;
        self.engine.send_if_modified(|old| std::mem::replace(old, may_lead) != may_lead);
        let record = record(now).await;
        self.record.send_if_modified(|old| {
            let record = MachineRecord { facts: old.facts.clone(), ..record };
            let differs = *old != record;
            *old = record;
            differs
        });
    }
}
