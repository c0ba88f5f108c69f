//! SIGHUP: the configuration is read again, and what can change while fleetd runs changes at once.
//! No listener and no unit is touched. A configuration that is wrong changes nothing.
//!
//! This knows who has to hear of a change. What an option may say is the business of `config`.

use tokio::sync::watch;

use super::chain::chain;
use super::config::{Effect, Loaded, Settings, Source, changes};
use super::identity::{address, record};
use super::log::Log;
use super::registry::MachineRecord;

/// The settings in force, and those who hear when they change.
#[derive(Debug)]
pub struct InForce {
    source: Source,
    settings: Settings,
    log: Log,
    record: watch::Sender<MachineRecord>,
    token_limit: watch::Sender<usize>,
    engine: watch::Sender<bool>,
}

impl InForce {
    /// The settings that fleetd starts with.
    pub async fn new(source: Source, settings: Settings, log: Log) -> InForce {
        let ip = address(&settings).await;
        InForce {
            record: watch::Sender::new(record(&settings, ip)),
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
                Effect::AtOnce if change.option == "verbosity" && self.log.is_fixed() => {
                    tracing::warn!(
                        "verbosity={}: does nothing while RUST_LOG is set",
                        change.value
                    );
                }
                Effect::AtOnce => tracing::info!("{change}"),
                Effect::Restart | Effect::Rejoin => tracing::warn!("{change}"),
            }
        }
        self.apply(settings).await;
    }

    /// What is not of this list keeps the value fleetd was started with.
    async fn apply(&mut self, new: Settings) {
        // Where nobody said another address, a name that is slow to look up must not change it.
        let ip = match self.settings.public_ip == new.public_ip {
            true => self.record.borrow().ip.clone(),
            false => address(&new).await,
        };
        let Settings { verbosity, public_ip, metadata, token_limit, disable_engine, .. } = new;
        let now = &mut self.settings;
        (now.verbosity, now.token_limit, now.disable_engine) =
            (verbosity, token_limit, disable_engine);
        (now.public_ip, now.metadata) = (public_ip, metadata);
        self.log.set(now.verbosity);
        self.token_limit.send_if_modified(|old| std::mem::replace(old, token_limit) != token_limit);
        let may_lead = !disable_engine;
        self.engine.send_if_modified(|old| std::mem::replace(old, may_lead) != may_lead);
        let record = record(now, ip);
        self.record.send_if_modified(|old| {
            let record = MachineRecord { facts: old.facts.clone(), ..record };
            let differs = *old != record;
            *old = record;
            differs
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleetd::config::load;
    use crate::fleetd::registry::Facts;

    fn settings(options: &[(&str, &str)]) -> Settings {
        let options = options.iter().map(|(name, value)| (name.into(), value.into()));
        load(None, options).unwrap().settings
    }

    async fn in_force(options: &[(&str, &str)]) -> InForce {
        InForce::new(Source::new(None), settings(options), Log::unheard()).await
    }

    #[tokio::test]
    async fn what_can_change_at_once_does_and_nothing_else() {
        let mut now = in_force(&[]).await;
        let (limit, engine, record) = (now.token_limit(), now.engine(), now.record());
        let new = settings(&[
            ("FLEET_VERBOSITY", "1"),
            ("FLEET_ETCD_SERVERS", "https://a:1"),
            ("FLEET_PUBLIC_IP", "m1.example"),
            ("FLEET_METADATA", "disk=ssd"),
            ("FLEET_AGENT_TTL", "9s"),
            ("FLEET_TOKEN_LIMIT", "7"),
            ("FLEET_DISABLE_ENGINE", "true"),
        ]);
        now.apply(new.clone()).await;
        let left = changes(&now.settings, &new);
        assert_eq!(
            left.iter().map(|it| it.option).collect::<Vec<_>>(),
            ["etcd_servers", "agent_ttl"]
        );
        assert!(left.iter().all(|change| change.effect != Effect::AtOnce), "{left:?}");
        assert_eq!((*limit.borrow(), *engine.borrow()), (7, false));
        let told = record.borrow();
        assert_eq!((told.ip.as_str(), told.metadata["disk"].as_str()), ("m1.example", "ssd"));
    }

    #[tokio::test]
    async fn the_same_again_wakes_nobody_and_forgets_no_facts() {
        let mut now = in_force(&[("FLEET_METADATA", "disk=ssd")]).await;
        let facts = Facts { hostname: Some("alpha".into()), ..Facts::default() };
        now.teller().send_modify(|record| record.facts = Some(facts.clone()));
        let (limit, engine, record) = (now.token_limit(), now.engine(), now.record());
        let woken = || {
            [limit.has_changed(), engine.has_changed(), record.has_changed()].map(Result::unwrap)
        };
        now.apply(now.settings.clone()).await;
        assert_eq!(woken(), [false; 3]);
        now.apply(settings(&[("FLEET_METADATA", "disk=hdd")])).await;
        assert_eq!(woken(), [false, false, true]);
        assert_eq!(record.borrow().facts.as_ref(), Some(&facts));
    }

    #[tokio::test]
    async fn an_address_that_was_found_stays_until_another_is_said() {
        let mut now = in_force(&[]).await;
        now.teller().send_modify(|record| record.ip = "10.9.8.7".into());
        now.apply(settings(&[("FLEET_METADATA", "disk=ssd")])).await;
        assert_eq!(now.record().borrow().ip, "10.9.8.7");
        now.apply(settings(&[("FLEET_PUBLIC_IP", "10.0.0.1")])).await;
        assert_eq!(now.record().borrow().ip, "10.0.0.1");
    }
}
