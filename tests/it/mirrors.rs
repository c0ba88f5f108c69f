//! Who waits until a mirror shows a revision has everything read again only where the watch brings
//! nothing.

use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::registry::{EmbeddedStore, MetadataChange, Registry, Store};
use fleet::model::MachineId;

use crate::support::cut::Cut;
use crate::support::tally::Tally;

/// How long a watch takes for each change, where it is slow.
const LAG: Duration = Duration::from_millis(60);

/// Far more than it takes to read everything again.
const CHANGES: usize = 50;

/// How often everything was read to see changes through such a store, which tells nothing of them if
/// it is mute.
async fn reads(lag: Duration, mute: bool) -> usize {
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::in_memory());
    let (tally, cut) = (Tally::default(), Arc::new(Cut::lagging(store.clone(), lag)));
    let registry = Registry::over(tally.store("mirror", cut.clone()), LAG);
    let mirror = registry.cluster();
    mirror.reach(store.revision().await.unwrap()).await.unwrap();
    tally.take();
    cut.set_mute(mute);
    let machine = MachineId::parse("m1").unwrap();
    let changes = (0..CHANGES).map(|number| MetadataChange {
        machine: machine.clone(),
        key: format!("key-{number}"),
        value: Some("value".into()),
    });
    for change in changes {
        registry.set_metadata(vec![change]).await.unwrap();
    }
    mirror.reach(store.revision().await.unwrap()).await.unwrap();
    assert_eq!(mirror.read().metadata_of(&machine).len(), CHANGES);
    tally.take().get(&("mirror", "read")).copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_moves_is_waited_for() {
    assert_eq!(reads(LAG, false).await, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_silent_is_not() {
    assert_eq!(reads(Duration::ZERO, true).await, 1);
}
