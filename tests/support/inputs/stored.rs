//! What stands in the store, read by the code that mirrors it and decided on by the engine.

use std::collections::BTreeMap;

use fleet::fleetd::engine::{Moment, departures, litter, schedule};
use fleet::fleetd::registry::{
    Cluster, Event, KeyValue, LeaseId, Question, Range, Revision, Schedule, View,
};

/// Values are NUL-separated, each after its key and a line's end. `-` before a key deletes it, `~`
/// writes it on a session.
pub fn stored(bytes: &[u8]) {
    let mut store: BTreeMap<String, KeyValue> = BTreeMap::new();
    let mut cluster = Cluster::default();
    let (mut schedules, mut question) = (Schedule::default(), Question::default());
    for (at, change) in bytes.split(|byte| *byte == 0).enumerate() {
        let at = Revision(at as i64 + 1);
        let Some(event) = event(change, at) else { continue };
        match &event {
            Event::Put(entry) => drop(store.insert(entry.key.clone(), entry.clone())),
            Event::Deleted(key) => drop(store.remove(key)),
        }
        cluster.apply(at, event.clone());
        schedules.apply(at, event.clone());
        question.apply(at, event);
        decide(&cluster);
    }
    let revision = Revision(bytes.len() as i64 + 2);
    let range = Range { revision, entries: store.into_values().collect() };
    let mut fresh = Cluster::default();
    fresh.replace(range.clone());
    decide(&fresh);
    // Who read it all at once knows the same of units and schedules as who saw it change.
    assert!(fresh.units.keys().eq(cluster.units.keys()));
    assert_eq!(fresh.schedule, cluster.schedule);
    assert_eq!(fresh.contents_bytes(), cluster.contents_bytes());
    cluster.replace(range.clone());
    assert!(fresh.foreign.keys().eq(cluster.foreign.keys()));
    schedules.replace(range.clone());
    question.replace(range);
}

fn event(change: &[u8], at: Revision) -> Option<Event> {
    let end = change.iter().position(|byte| *byte == b'\n')?;
    let key = std::str::from_utf8(&change[..end]).ok()?;
    if let Some(key) = key.strip_prefix('-') {
        return Some(Event::Deleted(key.to_owned()));
    }
    let (key, lease) = match key.strip_prefix('~') {
        Some(key) => (key, Some(LeaseId(1))),
        None => (key, None),
    };
    let value = change[end + 1..].to_vec();
    Some(Event::Put(KeyValue { key: key.to_owned(), value, created: at, modified: at, lease }))
}

/// The engine comes to a decision, and says it.
fn decide(cluster: &Cluster) {
    let now = Moment::at(std::time::UNIX_EPOCH.into());
    for decision in schedule(cluster, &now).decisions {
        assert!(!decision.to_string().is_empty());
    }
    departures(cluster, &now).all.iter().for_each(|it| assert!(!it.to_string().is_empty()));
    litter(cluster).iter().for_each(|it| assert!(!it.to_string().is_empty()));
}
