//! What takes long to work out: one thing at a time, and beside the threads that keep this machine
//! alive. It must not know what is worked out, and nobody works while holding a mirror.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::answer::ApiError;

/// Thinks about one thing at a time. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Thinker {
    turn: Arc<Semaphore>,
}

impl Default for Thinker {
    fn default() -> Thinker {
        Thinker { turn: Arc::new(Semaphore::new(1)) }
    }
}

impl Thinker {
    /// Works something out when it is its turn. Who goes away while waiting is not waited for.
    pub async fn think<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.turn).acquire_owned().await;
        let turn = turn.map_err(|closed| ApiError::internal(&closed))?;
        let worked_out = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        worked_out.await.map_err(|fell_over| ApiError::internal(&fell_over))?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn one_thing_at_a_time() {
        let (thinker, at_once) = (Thinker::default(), Arc::new(AtomicUsize::new(0)));
        let work = |_| {
            let at_once = Arc::clone(&at_once);
            thinker.think(move || {
                let before = at_once.fetch_add(1, SeqCst);
                // Long enough for the others to come in, if they could.
                (0..100).for_each(|_| std::thread::yield_now());
                at_once.fetch_sub(1, SeqCst);
                Ok(before)
            })
        };
        for others in futures_util::future::join_all((0..50).map(work)).await {
            assert_eq!(others, Ok(0));
        }
    }
}
