//! The one door to systemd: a small trait in fleet's verbs, the real thing behind it over D-Bus,
//! and a twin in memory that obeys the same laws.
//!
//! This room knows unit names, file contents and systemd. It must not know the cluster, leases,
//! launches or why a unit should run.
//!
//! The trait is in this file. [`SystemdManager`] is the real systemd: `bus` is the connection and
//! `proxy` what systemd can be asked on it; `observe` looks, `batch` links and unlinks, `signals`
//! listens, `runs` keeps what signals tell beside, `gate` keeps jobs from becoming too many,
//! `journal` reads what units said, and `folder` holds the unit files.
//! [`MemoryUnits`] is the twin.

mod batch;
mod bus;
mod folder;
mod gate;
mod journal;
mod manager;
mod memory;
mod observe;
mod proxy;
mod runs;
mod signals;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::model::{SystemdState, Timestamp};
use crate::unitfile::{UnitFile, UnitHash, UnitName};

pub use journal::{LINE_BYTES_MAX, LINES_MAX};
pub use manager::{StopKind, SystemdManager};
pub use memory::{Call, MemoryUnits, Refusal};

/// What this machine's systemd and fleet's unit folder say of one unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The hash of the unit's file in fleet's folder. `None` when there is none, and when somebody
    /// else put something in its place that is no unit file: link it again, or unlink it.
    pub linked: Option<UnitHash>,
    /// systemd's own words: load, active and sub state.
    pub state: SystemdState,
    /// Whether a job for the unit is queued or running in systemd.
    pub job_pending: bool,
    /// How the last run failed, in systemd's word (`exit-code`, `signal`, `timeout` …), for a unit
    /// that is failed or about to be restarted by systemd. `None` for all others: systemd forgets a
    /// unit that ended well.
    pub result: Option<String>,
    /// The exit status of the main process when that is why it failed. `None` when it was another
    /// process of the unit, such as its `ExecStartPre=`.
    pub exit_status: Option<i32>,
    /// What else is known of its run.
    pub run: Run,
}

/// A unit's run, beside its state; of an inactive unit, which systemd forgets, nothing is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Run {
    /// When the active state last changed.
    pub since: Option<Timestamp>,
    /// The main process of a service, while there is one.
    pub main_pid: Option<u32>,
    /// How often systemd restarted a service by itself since somebody started it.
    pub restarts: Option<u32>,
}

impl Status {
    /// What is said of a unit that neither fleet nor systemd knows.
    pub fn not_found() -> Status {
        Status {
            linked: None,
            state: SystemdState {
                load: "not-found".into(),
                active: "inactive".into(),
                sub: "dead".into(),
            },
            job_pending: false,
            result: None,
            exit_status: None,
            run: Run::default(),
        }
    }
}

/// systemd's number for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u32);

/// How a job ended, in systemd's words (systemd's `org.freedesktop.systemd1`, `JobRemoved`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobResult {
    /// It did what it was asked.
    Done,
    /// The unit failed.
    Failed,
    /// It took too long.
    Timeout,
    /// Cancelled, or replaced by a newer job.
    Canceled,
    /// A unit it required did not start.
    Dependency,
    /// Nothing to do. Not for an unmet condition: to systemd such a start is done, and the unit
    /// inactive.
    Skipped,
}

impl JobResult {
    /// Reads systemd's word. `None`: one that this version does not know.
    pub fn parse(word: &str) -> Option<JobResult> {
        use JobResult::{Canceled, Dependency, Done, Failed, Skipped, Timeout};
        let all = [Done, Failed, Timeout, Canceled, Dependency, Skipped];
        all.into_iter().find(|result| result.to_string() == word)
    }
}

impl fmt::Display for JobResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobResult::Done => "done",
            JobResult::Failed => "failed",
            JobResult::Timeout => "timeout",
            JobResult::Canceled => "canceled",
            JobResult::Dependency => "dependency",
            JobResult::Skipped => "skipped",
        })
    }
}

/// Something happened to units fleet has linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Look at this unit again.
    Changed(UnitName),
    /// A job of a unit ended.
    JobEnded {
        /// The unit.
        unit: UnitName,
        /// The job, as [`UnitManager::start`] and its like named it.
        job: JobId,
        /// How.
        result: JobResult,
    },
    /// systemd reloaded: look at everything again.
    LookAgain,
    /// Contact with systemd was lost and is back: signals were missed.
    Reconnected,
}

/// Why systemd or the unit folder did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum SystemdError {
    /// systemd does not answer on D-Bus.
    #[error("{operation}: systemd cannot be reached over D-Bus")]
    Unreachable {
        /// What was asked, with the unit.
        operation: String,
        /// What the D-Bus library said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// systemd answered with an error.
    #[error("{operation}: systemd refused: {message}")]
    Refused {
        /// What was asked, with the unit.
        operation: String,
        /// The name of the D-Bus error.
        name: String,
        /// systemd's words.
        message: String,
    },
    /// The machine has a unit of this name that is not fleet's, and that a link would hide.
    #[error("this machine has a {unit} of its own, {file}: give the unit another name", file = .file.display())]
    Taken {
        /// The unit.
        unit: UnitName,
        /// The machine's own file.
        file: PathBuf,
    },
    /// So many jobs are under way that one more has to wait, and none of them ended for long.
    /// Nothing was asked of systemd: try again later.
    #[error("{operation}: systemd has {jobs} jobs under way, and none of them ends")]
    Busy {
        /// What was asked, with the unit.
        operation: String,
        /// How many jobs.
        jobs: u32,
    },
    /// The unit folder could not be read or written.
    #[error("{operation} {path}")]
    Folder {
        /// What was tried ("write", "remove" …).
        operation: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl SystemdError {
    /// Whether this is an answer that will be the same tomorrow, not a failure on the way.
    pub fn is_refusal(&self) -> bool {
        matches!(self, SystemdError::Refused { .. } | SystemdError::Taken { .. })
    }

    /// Whether systemd kills nothing of a unit of this type.
    fn is_nothing_to_kill(&self) -> bool {
        matches!(self, SystemdError::Refused { name, .. } if name == NOT_SUPPORTED)
    }

    /// Whether systemd knows no such unit, neither in memory nor on disk.
    pub fn is_no_such_unit(&self) -> bool {
        matches!(self, SystemdError::Refused { name, .. } if name == NO_SUCH_UNIT)
    }
}

/// systemd's name for the error that there is no such unit.
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// D-Bus's name for the error that something cannot be done to this kind of unit.
const NOT_SUPPORTED: &str = "org.freedesktop.DBus.Error.NotSupported";

/// What systemd says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// Its version, as its packager writes it.
    pub version: String,
    /// When it began: also in a container, which has its host's kernel.
    pub booted: Timestamp,
}

/// systemd on this machine, in fleet's verbs.
///
/// Units are handled in batches, since systemd's `Reload` costs the same for one unit as for a
/// thousand. In a batch one unit's failure stays with that unit.
#[async_trait]
pub trait UnitManager: fmt::Debug + Send + Sync + 'static {
    /// What systemd says of itself.
    async fn system(&self) -> Result<System, SystemdError>;

    /// Every unit whose file is in fleet's folder, and what systemd says of it now.
    async fn observe(&self) -> Result<BTreeMap<UnitName, Status>, SystemdError>;

    /// The same for one unit; `linked` is `None` and the load state `not-found` when fleet has no
    /// file of that name.
    async fn observe_one(&self, name: &UnitName) -> Result<Status, SystemdError>;

    /// Every unit file in fleet's folder.
    async fn files(&self) -> Result<BTreeMap<UnitName, UnitFile>, SystemdError>;

    /// Writes the files, links them as runtime units and enables those with an `[Install]`
    /// section. Afterwards systemd starts them from these files and no older ones: one `Reload` for
    /// the batch where systemd has an older file loaded, none for files it has never seen. Running
    /// units are not touched. The file of a unit that failed here may have been written: link it
    /// again, or unlink it.
    async fn link(
        &self,
        files: &[(UnitName, UnitFile)],
    ) -> Vec<(UnitName, Result<(), SystemdError>)>;

    /// Disables and unlinks the units, removes their files, and has systemd forget that they failed.
    /// A unit that systemd no longer knows is a success.
    async fn unlink(&self, names: &[UnitName]) -> Vec<(UnitName, Result<(), SystemdError>)>;

    /// Queues a start and returns when systemd has accepted it; how it ends comes as a
    /// [`Signal::JobEnded`]. Starting a running unit changes nothing. A job of the unit that this one
    /// replaces ends first, as [`JobResult::Canceled`].
    async fn start(&self, name: &UnitName) -> Result<JobId, SystemdError>;

    /// Queues a stop, and a start after it; like [`UnitManager::start`].
    async fn restart(&self, name: &UnitName) -> Result<JobId, SystemdError>;

    /// Queues a stop; like [`UnitManager::start`]. A unit that is not loaded is a success, and no
    /// job's end follows. A oneshot that is stopped while it starts has failed, in systemd's eyes.
    async fn stop(&self, name: &UnitName) -> Result<(), SystemdError>;

    /// Kills every process of the unit, now, as nobody can ignore. A unit that is to stay down is asked
    /// to stop before: systemd may start another again, as its `Restart=` says. One that is not
    /// loaded, or of a type that has no processes, is a success.
    async fn kill(&self, name: &UnitName) -> Result<(), SystemdError>;

    /// Adds the memory that each of fleet's units uses now, in bytes; of those that are inactive, or
    /// whose memory systemd does not count, nothing. Each is added when systemd has said it: who
    /// stops waiting keeps what came.
    async fn memory(&self, found: &mut BTreeMap<UnitName, u64>) -> Result<(), SystemdError>;

    /// What the unit, and systemd about it, said last in the run that was the last one: at most
    /// [`LINES_MAX`] lines of at most [`LINE_BYTES_MAX`] bytes. Takes two seconds at most, once it
    /// is this unit's turn; what cannot be read by then counts as nothing.
    async fn last_words(&self, name: &UnitName) -> Vec<String>;

    /// Signals about fleet's units from now on. Only the last subscriber gets them. The stream
    /// ends only when the manager is dropped.
    async fn signals(&self) -> Result<mpsc::UnboundedReceiver<Signal>, SystemdError>;
}
