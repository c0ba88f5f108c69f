//! A folder, a scripted cluster, and the real `fleetctl` in an environment that has nothing else.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::Duration;

use super::cluster::Cluster;
use super::server::{Script, serve};
use crate::support::wait::wait_for;

pub const FLEETCTL: &str = env!("CARGO_BIN_EXE_fleetctl");

/// No run of the program in a test takes longer, unless it hangs.
const RUN_MAX: Duration = Duration::from_secs(30);

/// What a test works on.
pub struct Bench {
    pub script: Script,
    folder: tempfile::TempDir,
    /// What the cluster is served by.
    pub runtime: tokio::runtime::Runtime,
}

/// How a run of the program ended.
#[must_use = "compare the output, or the exit status with it"]
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Ended {
    /// Asserts all that can be seen of a run at once.
    #[track_caller]
    pub fn is(&self, code: i32, stdout: &str, stderr: &str) {
        let expected =
            Ended { code: Some(code), stdout: stdout.to_owned(), stderr: stderr.to_owned() };
        assert!(*self == expected, "expected {expected}\n=== got {self}");
    }
}

impl Ended {
    /// Asserts the exit status alone.
    #[track_caller]
    pub fn code(&self, code: i32) {
        assert!(self.code == Some(code), "expected exit {code}, got {self}");
    }
}

impl Bench {
    /// A cluster in which a test has set the scene.
    pub fn new(scene: impl FnOnce(&mut Cluster)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::default();
        scene(&mut script.lock());
        let runtime = serve(&folder.path().join("fleet.sock"), script.clone());
        Self { script, folder, runtime }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, contents).unwrap();
        path
    }

    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.folder().join("fleet.sock").display())
    }

    /// Runs `fleetctl` with these arguments in the test's folder, against the test's cluster.
    pub fn run(&self, arguments: &str) -> Ended {
        self.start(arguments).end()
    }

    /// The same with nothing but these variables.
    pub fn run_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Ended {
        self.start_with(arguments, variables).end()
    }

    /// Begins to run `fleetctl` against the test's cluster.
    pub fn start(&self, arguments: &str) -> Running {
        self.start_with(arguments, &[("FLEETCTL_ENDPOINT", &self.endpoint())])
    }

    /// The same with nothing but these variables.
    pub fn start_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Running {
        let mut command = Command::new(FLEETCTL);
        command.args(arguments.split_whitespace());
        self.begin(command, variables)
    }

    /// Runs a shell script in which `$0` is `fleetctl`.
    pub fn shell(&self, script: &str) -> Ended {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, FLEETCTL]);
        let endpoint = self.endpoint();
        let variables = [("FLEETCTL_ENDPOINT", &*endpoint), ("PATH", "/usr/bin:/bin")];
        self.begin(command, &variables).end()
    }

    /// Waits until the cluster was asked for something so many times.
    pub fn until_asked(&self, what: &str, times: usize) {
        let asked = async || {
            let asked = self.script.lock().asked.clone();
            let count = asked.iter().filter(|asked| *asked == what).count();
            if count >= times { Ok(()) } else { Err(asked) }
        };
        self.runtime.block_on(wait_for(RUN_MAX, what, asked));
    }

    fn begin(&self, mut command: Command, variables: &[(&str, &str)]) -> Running {
        let mut child = command
            .current_dir(self.folder())
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id();
        let (stdout, stderr) = (Pipe::default(), Pipe::default());
        let readers =
            [stdout.fill(child.stdout.take().unwrap()), stderr.fill(child.stderr.take().unwrap())];
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || {
            readers.into_iter().for_each(|reader| reader.join().unwrap());
            sender.send(child.wait())
        });
        Running { id, ended, stdout, stderr, script: self.script.clone() }
    }
}

/// What a program has printed so far.
#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<Vec<u8>>, Condvar)>);

impl Pipe {
    /// Reads all that comes, on a thread of its own.
    fn fill(&self, mut from: impl Read + Send + 'static) -> std::thread::JoinHandle<()> {
        let pipe = self.clone();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut chunk) {
                let (text, grown) = &*pipe.0;
                text.lock().unwrap().extend_from_slice(&chunk[..length]);
                grown.notify_all();
            }
        })
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.0.lock().unwrap().clone()).unwrap()
    }
}

/// A program that was begun.
pub struct Running {
    id: u32,
    ended: mpsc::Receiver<io::Result<ExitStatus>>,
    stdout: Pipe,
    stderr: Pipe,
    script: Script,
}

impl Running {
    /// Waits until what it has printed ends with this.
    #[track_caller]
    pub fn until(&self, end: &str) {
        let (text, grown) = &*self.stdout.0;
        let text = text.lock().unwrap();
        let unprinted = |text: &mut Vec<u8>| !text.ends_with(end.as_bytes());
        let (text, waited) = grown.wait_timeout_while(text, RUN_MAX, unprinted).unwrap();
        if waited.timed_out() {
            let printed = String::from_utf8_lossy(&text).into_owned();
            drop(text);
            self.signal("KILL");
            panic!("it printed {printed:?} and {:?}, not {end:?}", self.stderr.text());
        }
    }

    /// Sends it a signal, such as `INT`.
    pub fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.id);
        let _ = Command::new("/bin/sh").args(["-c", &kill]).status();
    }

    /// Waits until it ends.
    pub fn end(self) -> Ended {
        let Ok(ended) = self.ended.recv_timeout(RUN_MAX) else {
            self.signal("KILL");
            panic!("it hangs; it asked {:#?}", self.script.lock().asked);
        };
        let code = ended.unwrap().code();
        Ended { code, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}
