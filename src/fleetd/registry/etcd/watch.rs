//! One watch: a stream of etcd's answers made into [`Changes`].
//!
//! Each watch is a gRPC stream of its own on the shared connection. A daemon has a handful, and
//! this way ending one is dropping it, and one slow reader holds up nobody else.

use etcd_client::{Error, WatchOptions, WatchResponse, WatchStream};
use tokio::sync::mpsc;

use super::super::store::{Changes, Revision, StoreError, Watch};
use super::convert::Prefix;
use super::errors;
use super::members::Members;

/// Changes that wait for the reader before etcd has to. etcd puts a watcher that cannot keep up
/// aside and lets it catch up later, so a small number loses nothing.
const BUFFER: usize = 64;

/// Asks etcd to watch, and returns when it does.
///
/// Not asked for fragments: the library does not show which answer is the last of a revision, and
/// without them etcd never spreads a revision over two answers. Its answers can then be as large as
/// a thousand revisions, hence no limit on what is decoded.
pub(super) async fn open(
    members: &Members,
    prefix: &Prefix,
    watched: &str,
    from: Revision,
) -> Result<Watch, StoreError> {
    let operation = format!("watch {watched}");
    let key = prefix.full(watched);
    // To etcd, 0 means "from now on".
    let options = WatchOptions::new().with_prefix().with_start_revision(from.0.max(1));
    let (key, options) = (&key, &options);
    let asked = members.ask(|client| async move {
        let mut watches = client.watch_client().max_decoding_message_size(usize::MAX);
        let mut stream = watches.watch(key.as_str(), Some(options.clone())).await?;
        match stream.message().await? {
            Some(first) => Ok((first, stream)),
            None => Err(Error::WatchError("etcd ended the watch".into())),
        }
    });
    let (first, stream) = asked.await.map_err(|error| error.of(&operation))?;
    let (sender, watch) = mpsc::channel(BUFFER);
    match ended(&operation, &first) {
        Some(compacted @ StoreError::Compacted { .. }) => {
            // There is room: nothing else was sent.
            let _ = sender.try_send(Err(compacted));
        }
        Some(refused) => return Err(refused),
        None => {
            let prefix = prefix.clone();
            tokio::spawn(forward(operation, prefix, first, stream, sender));
        }
    }
    Ok(watch)
}

/// Passes changes on until the watch ends or nobody listens. Dropping the stream makes etcd forget
/// the watch.
async fn forward(
    operation: String,
    prefix: Prefix,
    first: WatchResponse,
    mut stream: WatchStream,
    sender: mpsc::Sender<Result<Changes, StoreError>>,
) {
    let mut answer = Ok(Some(first));
    loop {
        let last_word = match answer {
            Ok(Some(response)) => {
                for changes in prefix.changes(response.events()) {
                    if sender.send(Ok(changes)).await.is_err() {
                        return;
                    }
                }
                ended(&operation, &response)
            }
            Ok(None) => Some(StoreError::unavailable(&operation, "etcd ended the watch")),
            Err(error) => Some(errors::translate(&operation, &error)),
        };
        if let Some(error) = last_word {
            // If nobody listens any more, nobody misses it.
            let _ = sender.send(Err(error)).await;
            return;
        }
        answer = tokio::select! {
            // Cancel-safe: the stream keeps a half-read message.
            answer = stream.message() => answer,
            () = sender.closed() => return,
        };
    }
}

/// Why etcd ended the watch, if this answer says that it did.
fn ended(operation: &str, response: &WatchResponse) -> Option<StoreError> {
    if !response.canceled() {
        None
    } else if response.compact_revision() > 0 {
        Some(StoreError::Compacted { oldest: Revision(response.compact_revision()) })
    } else {
        Some(StoreError::refused(operation, response.cancel_reason()))
    }
}
