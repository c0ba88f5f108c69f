//! Makes the changes a command decided on, at once but for those that wait for others, and waits
//! until their units are there.
//!
//! One loop over answers, events, a timer, ctrl-c and the time limit. What an answer or an event
//! means for a unit is decided by [`board`]. Nothing is polled: the timer runs only
//! after something happened, to ask once about the units that it did not get further.

pub mod block;
pub mod board;
pub mod failure;
pub mod goal;
pub mod looks;
pub mod pause;
pub mod queue;
pub mod remind;
pub mod task;

use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, ready};
use std::mem;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use self::block::BlockArgs;
use self::board::Board;
use self::failure::StartFailure;
use self::goal::{Failure, Progress, Stage};
use self::looks::Looks;
use self::pause::at;
use self::queue::Queue;
use self::remind::Reminder;
use self::task::{Change, Task, Then, wish};
use super::Context;
use super::error::{Error, ExitStatus};
use super::machines::Machines;
use crate::api::client::{ClientError, Events};
use crate::api::{Event, State, Unit, Why};
use crate::fleetctl::show::tell::{self, SHOWN_MAX};
use crate::model::TargetState;
use crate::unitfile::UnitName;

/// How long the cluster has to place a unit, or to tell of a change, before it is asked about it.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long a failure waits for the unit's last lines, where it comes without: as long as its
/// machine may take to look them up, and some time to travel.
const LOG_PATIENCE: Duration = Duration::from_millis(2500);

/// What has to be open before the first change, so that nothing is missed.
#[derive(Debug)]
pub struct Watch {
    events: Events,
    machines: Machines,
}

impl Watch {
    /// Opens the event stream, if the command is going to wait.
    pub async fn open(context: &Context, block: &BlockArgs) -> Result<Option<Self>, Error> {
        if block.no_block {
            return Ok(None);
        }
        let machines = async { Ok(Machines::fetch(&context.client).await?) };
        let events = async { context.client.events().await.map_err(unheard) };
        let (events, machines) = tokio::try_join!(events, machines)?;
        Ok(Some(Self { events, machines }))
    }
}

/// What follows the change of a unit, knowing what the machines say of it before. To be asked when
/// the stream is open: what changes from then on is told by it.
pub async fn seen(context: &Context, name: &UnitName, then: Then) -> Result<Then, Error> {
    Ok(match then {
        Then::Reach(goal, _) => Then::Reach(goal, context.client.states_of(name).await?),
        line @ Then::Say(_) => line,
    })
}

/// Carries out the tasks and waits for the units they want to be somewhere. The watch serves further
/// tasks afterwards.
pub async fn run(
    context: &Context,
    tasks: impl Into<Queue>,
    watch: &mut Option<Watch>,
    block: &BlockArgs,
) -> Result<ExitStatus, Error> {
    let machines = watch.as_mut().map(|watch| mem::take(&mut watch.machines)).unwrap_or_default();
    let mut run = Run {
        context,
        machines,
        queue: tasks.into(),
        board: Board::default(),
        jobs: FuturesUnordered::new(),
        looks: Looks::default(),
        asking: BTreeSet::new(),
        says: BTreeMap::new(),
        reasons: BTreeMap::new(),
        wordless: BTreeMap::new(),
        words_at: None,
        ask_at: None,
        failed: false,
    };
    for task in run.queue.ready() {
        run.begin(task)?;
    }
    let outcome = run.drive(watch, block).await;
    context.ui.progress(Vec::new);
    run.tell_left();
    if let Some(watch) = watch {
        watch.machines = run.machines;
    }
    outcome?;
    Ok(if run.failed { ExitStatus::Failed } else { ExitStatus::Done })
}

/// What a request of ours came to.
enum Answer {
    Changed(UnitName, Result<Option<i64>, ClientError>),
    /// Of which unit, and in which round of [`Looks`].
    Looked(UnitName, u64, Result<(Option<Unit>, Vec<State>), ClientError>),
    Explained(UnitName, Result<Option<Why>, ClientError>),
}

struct Run<'c> {
    context: &'c Context,
    machines: Machines,
    /// Tasks that wait for others.
    queue: Queue,
    board: Board,
    /// Requests under way.
    jobs: FuturesUnordered<BoxFuture<'c, Answer>>,
    /// Which of them are looks at units.
    looks: Looks,
    /// Units whose placement is being asked about.
    asking: BTreeSet<UnitName>,
    /// What to say of a unit once it is changed, if it is not waited for.
    says: BTreeMap<UnitName, String>,
    /// Why units wait for a machine, as it was last said.
    reasons: BTreeMap<UnitName, String>,
    /// Units that failed, and until when to wait for their last lines.
    wordless: BTreeMap<UnitName, Instant>,
    /// When the first of these waited long enough.
    words_at: Option<Instant>,
    /// When to ask about units that did not get further; `None` while nothing happened since.
    ask_at: Option<Instant>,
    failed: bool,
}

impl<'c> Run<'c> {
    /// Sends a task's request, if it has one.
    fn begin(&mut self, Task { name, change, then }: Task) -> Result<(), Error> {
        match then {
            Then::Say(line) if matches!(change, Change::Keep) => {
                self.context.ui.line(&line)?;
                return self.ended(&name, true);
            }
            Then::Say(line) => drop(self.says.insert(name.clone(), line)),
            Then::Reach(goal, states) => self.board.expect(name.clone(), goal, states),
        }
        let client = &self.context.client;
        match change {
            Change::Keep => self.look(name),
            Change::Made(revision) => {
                self.jobs.push(ready(Answer::Changed(name, Ok(revision))).boxed());
            }
            Change::Put(unit) => self.jobs.push(
                async move {
                    let stored = client.put(&name, &unit).await;
                    Answer::Changed(name, stored.map(|stored| stored.revision))
                }
                .boxed(),
            ),
            Change::Again => self.jobs.push(
                async move {
                    let again = async {
                        client.put(&name, &wish(&name, TargetState::Loaded, None)).await?;
                        client.put(&name, &wish(&name, TargetState::Launched, None)).await
                    };
                    let launched = again.await;
                    Answer::Changed(name, launched.map(|stored| stored.revision))
                }
                .boxed(),
            ),
            Change::Destroy => self.jobs.push(
                async move {
                    let gone = match client.destroy(&name).await {
                        // Somebody else was faster.
                        Err(error) if error.status() == Some(404) => Ok(None),
                        gone => gone,
                    };
                    Answer::Changed(name, gone)
                }
                .boxed(),
            ),
        }
        Ok(())
    }

    async fn drive(&mut self, watch: &mut Option<Watch>, block: &BlockArgs) -> Result<(), Error> {
        let give_up = block.limit().map(|limit| Instant::now() + limit);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        let (mut reminder, live) = (Reminder::new(), self.context.ui.is_live());
        while !(self.says.is_empty() && self.board.is_empty()) {
            self.context.ui.progress(|| self.waiting());
            // Cancel-safe: `next` of both streams keeps what it did not return.
            tokio::select! {
                Some(answer) = self.jobs.next(), if !self.jobs.is_empty() => self.answer(answer)?,
                event = next(watch) => self.event(event)?,
                () = at(self.ask_at) => self.ask(),
                () = at(self.words_at) => self.tell_without_words()?,
                () = reminder.ring(), if !live => {
                    self.context.ui.note(&format!("still waiting: {}", self.waiting().join("; ")));
                }
                () = at(give_up) => {
                    return Err(Error::GaveUp { attempts: block.block_attempts, units: self.rest() });
                }
                _ = &mut interrupted => return Err(Error::Interrupted { units: self.rest() }),
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        match answer {
            Answer::Changed(name, Ok(revision)) => {
                if let Some(line) = self.says.remove(&name) {
                    self.context.ui.line(&line)?;
                    return self.ended(&name, true);
                }
                match revision {
                    Some(revision) => self.board.changed(&name, revision),
                    None => self.look(name.clone()),
                }
                self.stir();
                self.judge(&name)
            }
            // The server refuses this unit; the others are no worse for it.
            Answer::Changed(name, Err(error)) if matches!(error.status(), Some(400..500)) => {
                self.context.ui.fail(&format!("{name}: {error}"));
                self.says.remove(&name);
                self.ended(&name, false)
            }
            Answer::Looked(name, round, seen) => {
                if !self.looks.end(&name, round) {
                    return Ok(());
                }
                let (unit, states) = seen?;
                self.board.looked(&name, unit, states);
                self.judge(&name)
            }
            Answer::Changed(_, Err(error)) => Err(error.into()),
            Answer::Explained(name, why) => {
                self.asking.remove(&name);
                // Without an explanation the wait goes on all the same.
                if let Ok(Some(why)) = why {
                    self.explain(name, &why);
                }
                Ok(())
            }
        }
    }

    fn event(&mut self, event: Result<Event, ClientError>) -> Result<(), Error> {
        let event = event?;
        match &event {
            Event::Machine(machine) => self.machines.note(machine),
            Event::Reset(_) => {
                let mut again = self.looks.missed();
                again.extend(self.board.missed());
                again.into_iter().for_each(|name| self.look(name));
            }
            _ => {}
        }
        self.stir();
        match self.board.note(&event) {
            Some(name) => self.judge(&name),
            None => Ok(()),
        }
    }

    /// Says so and lets go of the unit if it is where it shall be, or never will.
    fn judge(&mut self, name: &UnitName) -> Result<(), Error> {
        let well = match self.board.verdict(name) {
            None | Some(Progress::Waiting(_)) => return Ok(()),
            Some(Progress::Done(arrival)) => {
                self.context.ui.line(&tell::arrived(name, &arrival, &self.machines))?;
                true
            }
            Some(Progress::Failed(Failure::Start(start))) if self.words_may_come(name, &start) => {
                return Ok(());
            }
            Some(Progress::Failed(failure)) => {
                self.fail(name, &failure);
                false
            }
        };
        self.wordless.remove(name);
        self.ended(name, well)
    }

    /// A unit is where it shall be, or will not come there: now others begin, or never will.
    fn ended(&mut self, name: &UnitName, well: bool) -> Result<(), Error> {
        self.board.settle(name);
        self.failed |= !well;
        let next = self.queue.ended(name, well);
        for (name, missing) in &next.dropped {
            self.context.ui.fail(&tell::left_out(name, missing));
        }
        next.begin.into_iter().try_for_each(|task| self.begin(task))
    }

    fn fail(&self, name: &UnitName, failure: &Failure) {
        let ui = &self.context.ui;
        ui.fail(&tell::failed(name, failure, &self.machines));
        let words = tell::last_words(failure);
        if !words.is_empty() {
            ui.note(&words);
        }
        if let Some(remedy) = tell::remedy(name, failure) {
            ui.hint(&remedy);
        }
    }

    /// Whether a failure should be told later, with the unit's last lines.
    fn words_may_come(&mut self, name: &UnitName, start: &StartFailure) -> bool {
        let until = Instant::now() + LOG_PATIENCE;
        let until = *self.wordless.entry(name.clone()).or_insert(until);
        self.words_at.get_or_insert(until);
        start.lacks_log() && until > Instant::now()
    }

    /// Tells of the failures that waited long enough for the unit's last lines.
    fn tell_without_words(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let (late, early): (Vec<_>, Vec<_>) =
            self.wordless.iter().partition(|(_, until)| **until <= now);
        self.words_at = early.into_iter().map(|(_, until)| *until).min();
        let late: Vec<UnitName> = late.into_iter().map(|(name, _)| name.clone()).collect();
        late.iter().try_for_each(|name| self.judge(name))
    }

    /// What is being waited for, a line a unit.
    fn waiting(&self) -> Vec<String> {
        let waits = |name: &UnitName, stage: &Stage| {
            Some(format!("{name}: {}", tell::waiting(stage, &self.machines)))
        };
        let line = |name: &UnitName| match self.board.verdict(name) {
            Some(Progress::Done(_)) => None,
            Some(Progress::Failed(_)) => Some(format!("{name}: failed, its last lines are sought")),
            Some(Progress::Waiting(stage)) => waits(name, &stage),
            None => waits(name, &Stage::Cluster),
        };
        tell::first(self.board.names().filter_map(line), SHOWN_MAX)
    }

    /// The units that are not there yet, for a message.
    fn rest(&self) -> String {
        tell::list(self.board.names().chain(self.says.keys()))
    }

    /// Says which units were not begun, if something ended the wait before their turn.
    fn tell_left(&self) {
        let left = tell::list(self.queue.names());
        if !left.is_empty() {
            self.context.ui.note(&format!("not begun: {left}"));
        }
    }

    /// Looks at a unit as it is now.
    fn look(&mut self, name: UnitName) {
        let Some(round) = self.looks.begin(&name) else {
            return;
        };
        let client = &self.context.client;
        let look = async move {
            let seen = tokio::try_join!(client.unit(&name), client.states_of(&name));
            Answer::Looked(name, round, seen)
        };
        self.jobs.push(look.boxed());
    }

    /// Something happened: before long, ask about the units that it did not get further.
    fn stir(&mut self) {
        self.ask_at.get_or_insert_with(|| Instant::now() + PATIENCE);
    }

    /// Asks about units whose change was not heard of, and why units wait for a machine.
    fn ask(&mut self) {
        self.ask_at = None;
        self.board.unheard().into_iter().for_each(|name| self.look(name));
        for name in self.board.homeless().into_iter().take(SHOWN_MAX) {
            if !self.asking.insert(name.clone()) {
                continue;
            }
            let client = &self.context.client;
            let ask = async move {
                let why = client.why(&name).await;
                Answer::Explained(name, why)
            };
            self.jobs.push(ask.boxed());
        }
    }

    /// Says why a unit waits for a machine, unless it said so before.
    fn explain(&mut self, name: UnitName, why: &Why) {
        if self.board.verdict(&name) != Some(Progress::Waiting(Stage::Machine)) {
            return;
        }
        let text = tell::waits(why, &self.machines);
        if self.reasons.get(&name) != Some(&text) {
            self.context.ui.note(text.trim_end());
            self.reasons.insert(name, text);
        }
    }
}

/// Who cannot tell of changes is told apart: there is another way.
fn unheard(error: ClientError) -> Error {
    match error.status() {
        Some(404) => Error::Unheard(error),
        _ => Error::Client(error),
    }
}

async fn next(watch: &mut Option<Watch>) -> Result<Event, ClientError> {
    match watch {
        Some(watch) => watch.events.next().await,
        None => pending().await,
    }
}
