//! Shows a list again whenever the cluster changes, until Ctrl-C.
//!
//! Level-triggered: an event only says that it is time to look again, at the whole. So nothing is
//! polled, whatever was missed is made up for by one look, and a burst of events costs one.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::client::{ClientError, News};
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::ui::{Screen, Shown};
use crate::fleetctl::wait::pause::{RETRY, at};

/// Events that come so soon after the first are part of the same change.
const SETTLE: Duration = Duration::from_millis(100);

/// So many times as long as a look took, none follows: a large cluster is not kept busy by those
/// who watch it.
const REST: u32 = 5;

/// How often what passes or lives is shown anew: as often as `top` and its kin do it.
const REFRESH: Duration = Duration::from_secs(2);

/// Shows what `look` sees on the screen, at once and after each change; with `refresh` also as
/// time passes. Ends with Ctrl-C, which is no failure.
pub async fn watch(
    context: &Context,
    mut screen: Screen<'_>,
    refresh: bool,
    look: impl AsyncFn() -> Result<Shown, Error>,
) -> Result<ExitStatus, Error> {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Ok(ExitStatus::Done),
        outcome = show(context, &mut screen, refresh, look) => outcome,
    }
}

/// Never returns, except with an error.
async fn show(
    context: &Context,
    screen: &mut Screen<'_>,
    refresh: bool,
    look: impl AsyncFn() -> Result<Shown, Error>,
) -> Result<ExitStatus, Error> {
    let (mut follow, _) = context.client.follow().await?;
    let mut due = Some(Instant::now());
    let mut rested = Instant::now();
    loop {
        tokio::select! {
            () = at(due) => {
                let began = Instant::now();
                let seen = look().await;
                rested = rest(began, Instant::now());
                due = match seen {
                    Ok(shown) => {
                        screen.show(shown)?;
                        refresh.then(|| rested.max(Instant::now() + REFRESH))
                    }
                    Err(Error::Client(error)) if !screen.is_blank() => {
                        screen.notice(lost(&error))?;
                        Some(Instant::now() + RETRY)
                    }
                    Err(error) => return Err(error),
                };
            }
            news = follow.next() => match news {
                News::Event(_) => {
                    let soon = rested.max(Instant::now() + SETTLE);
                    due = Some(due.map_or(soon, |due| due.min(soon)));
                }
                News::Lost(error) => {
                    screen.notice(lost(&error))?;
                    due = None;
                }
                News::Away(_) => {}
                News::Back(_) => due = Some(Instant::now()),
            },
        }
    }
}

/// Until when no look follows one that took from `began` to `ended`.
fn rest(began: Instant, ended: Instant) -> Instant {
    ended + REST * (ended - began)
}

fn lost(error: &ClientError) -> String {
    format!("{error}; this may be out of date until it is back")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_looks_are_rare() {
        let began = Instant::now();
        for (took, until) in [(0, 0), (10, 60), (2000, 12000)] {
            let ended = began + Duration::from_millis(took);
            assert_eq!(rest(began, ended), began + Duration::from_millis(until));
        }
    }
}
