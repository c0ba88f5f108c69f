//! `fleetctl events`

use std::time::SystemTime;

use clap::Args;
use tokio::time::sleep;

use crate::api::client::{First, Follow, News};
use crate::api::{Event, Ready};
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::show::chronicle::{self, Chronicle};
use crate::fleetctl::show::output::OutputArgs;
use crate::fleetctl::ui::printable;
use crate::fleetctl::wait::pause::RETRY;
use crate::model::Timestamp;

/// How long a time is, as it is written.
const TIME_WIDTH: usize = "2026-01-02T03:04:05Z".len();

/// Tell how the cluster stands, and with -f what happens in it
///
/// First a line for each machine, each unit and each unit's state on a machine, with the time since
/// when it stands so, if that is known; then, with -f, a line for each change, with the time it was
/// heard of. The cluster keeps no history: what was before is in the machines' journals.
///
/// As JSON each line is one event of the API; the event `ready` comes between what stands and what
/// happens. Connections that break are made again, and what was missed is told.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with what happens, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// Show ids whole
    #[arg(long, short = 'l')]
    full: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &EventsArgs) -> Result<ExitStatus, Error> {
    let mut teller = Teller { context, args, chronicle: Chronicle::new(args.full) };
    let (mut follow, ready) = context.client.follow().await?;
    teller.catch_up(ready).await?;
    if !args.follow {
        return Ok(ExitStatus::Done);
    }
    tokio::select! {
        _ = tokio::signal::ctrl_c() => Ok(ExitStatus::Done),
        outcome = teller.follow(&mut follow) => outcome,
    }
}

struct Teller<'c> {
    context: &'c Context,
    args: &'c EventsArgs,
    chronicle: Chronicle,
}

impl Teller<'_> {
    /// Tells everything there is, and of what was told before and is no more.
    async fn catch_up(&mut self, ready: Ready) -> Result<(), Error> {
        let client = &self.context.client;
        let (machines, units, states) =
            tokio::try_join!(client.machines(), client.units(), client.states())?;
        let standing = chronicle::standing(ready.revision, machines, units, states);
        let gone = self.chronicle.gone(ready.revision, &standing);
        for event in gone.iter().chain(&standing) {
            self.tell(event, chronicle::since(event))?;
        }
        self.tell(&Event::Ready(ready), None)
    }

    /// Never returns, except with an error.
    async fn follow(&mut self, follow: &mut Follow) -> Result<ExitStatus, Error> {
        loop {
            match follow.next().await {
                News::Event(event) => match *event {
                    Event::Reset(ready) => self.begin_again(ready).await?,
                    event => self.tell(&event, Some(SystemTime::now().into()))?,
                },
                News::Lost(error) => {
                    self.context.ui.warn(&format!("{error}; trying to connect again"));
                }
                News::Away(_) => {}
                News::Back(first) => {
                    self.context.ui.note("connected again");
                    if let First::Reset(ready) = first {
                        self.begin_again(ready).await?;
                    }
                }
            }
        }
    }

    /// Some of what happened can no longer be told one by one.
    async fn begin_again(&mut self, ready: Ready) -> Result<(), Error> {
        self.tell(&Event::Reset(ready.clone()), None)?;
        loop {
            match self.catch_up(ready.clone()).await {
                Err(Error::Client(error)) => self.context.ui.warn(&error.to_string()),
                outcome => return outcome,
            }
            sleep(RETRY).await;
        }
    }

    fn tell(&mut self, event: &Event, time: Option<Timestamp>) -> Result<(), Error> {
        let sentence = self.chronicle.tell(event);
        let line = || {
            let time = time.map_or_else(|| "-".to_owned(), |time| time.to_string());
            sentence.map_or_else(String::new, |said| {
                format!("{time:TIME_WIDTH$}  {}\n", printable(&said))
            })
        };
        self.context.ui.data(&self.args.output.render_next(event, line)?)
    }
}
