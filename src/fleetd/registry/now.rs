//! What the store's revision is now, asked once for all who ask at the same time.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::Mutex;

use super::store::{Revision, Store, StoreError};

/// Who asks for the revision must not be given one from before the question. So those who ask while
/// a request is under way wait for the next one, and share that.
#[derive(Debug, Default)]
pub struct Now {
    /// How many requests have begun.
    begun: AtomicU64,
    last: Mutex<Last>,
}

/// The last request that ended.
#[derive(Debug, Default)]
struct Last {
    /// Which one it was.
    number: u64,
    answer: Option<Result<Revision, StoreError>>,
}

impl Now {
    /// The store's revision at some moment after the call.
    pub async fn ask(&self, store: &dyn Store) -> Result<Revision, StoreError> {
        let before = self.begun.load(SeqCst);
        let mut last = self.last.lock().await;
        if last.number > before
            && let Some(answer) = &last.answer
        {
            return answer.as_ref().copied().map_err(StoreError::again);
        }
        let number = self.begun.fetch_add(1, SeqCst) + 1;
        let answer = store.revision().await;
        let told = answer.as_ref().copied().map_err(StoreError::again);
        *last = Last { number, answer: Some(answer) };
        told
    }
}
