//! Who asks for the store's revision shares the question, and never the answer to an older one.

use std::sync::Arc;
use std::time::Duration;

use fleet::fleetd::registry::{EmbeddedStore, Put, Registry};
use fleet::unitfile::UnitFile;
use futures_util::future::join_all;

use crate::support::cut::Cut;
use crate::support::machines::unit;
use crate::support::tally::Tally;

const DISTANCE: Duration = Duration::from_millis(10);

/// A registry far from its store, and what that is asked.
fn registry() -> (Registry, Arc<Cut>, Tally) {
    let asked = Tally::default();
    let counted = asked.store("API", Arc::new(EmbeddedStore::in_memory()));
    let store = Arc::new(Cut::far(counted, DISTANCE));
    (Registry::over(store.clone(), Duration::from_secs(1)), store, asked)
}

#[tokio::test(start_paused = true)]
async fn a_hundred_at_once_are_two_requests() {
    let (registry, _, tally) = registry();
    let answers = join_all((0..100).map(|_| registry.revision())).await;
    assert!(answers.iter().all(Result::is_ok));
    // Those who came while the first was under way waited for the second.
    let asked = tally.take();
    assert!(asked[&("API", "read")] <= 2, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_has_all_that_was_written_before_the_question() {
    let (registry, ..) = registry();
    let file = |n| UnitFile::parse(&format!("[Service]\nExecStart=/bin/echo {n}\n")).unwrap();
    let askers = |n: u64| {
        let registry = registry.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(n)).await;
            let put = Put { file: Some(file(n)), desired: None };
            let written = registry.put_unit(&unit(&format!("u{n}.service")), &put).await.unwrap();
            assert!(registry.revision().await.unwrap() >= written.revision);
        }
    };
    join_all((0..50).map(askers)).await;
}

#[tokio::test(start_paused = true)]
async fn all_hear_at_once_that_the_store_is_away() {
    let (registry, store, _) = registry();
    store.set_away(true);
    let begun = tokio::time::Instant::now();
    let answers = join_all((0..100).map(|_| registry.revision())).await;
    assert!(answers.iter().all(Result::is_err));
    let alone = begun.elapsed();
    let begun = tokio::time::Instant::now();
    registry.revision().await.unwrap_err();
    assert!(alone <= 3 * begun.elapsed(), "{alone:?}");
}
