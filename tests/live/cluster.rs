//! The machines of `scripts/cluster` as tests see them: commands go in, answers come out, waits are bounded.
//! Knows the script and Docker's machines, nothing of fleet.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No single command on a machine takes longer; one that hangs must not hang the tests.
const COMMAND_SECS_MAX: &str = "120";

/// Between two looks at something awaited: short beside what is awaited, long beside the look itself.
const POLL: Duration = Duration::from_millis(100);

/// The cluster that `FLEET_CLUSTER` names, which runs already.
#[derive(Clone, Copy)]
pub struct Cluster;

impl Cluster {
    /// Run a command on a machine. Every argument arrives as it is: there is no shell in between.
    pub fn exec(self, machine: &str, command: &[&str]) -> Output {
        self.verb(&[&["exec", machine], command].concat())
    }

    /// Run a shell script on a machine.
    pub fn sh(self, machine: &str, text: &str) -> Output {
        self.exec(machine, &["sh", "-c", text])
    }

    /// Put a text on a machine, and the folders above it.
    pub fn write(self, machine: &str, path: &str, contents: &str) {
        self.put(machine, path, contents.as_bytes());
    }

    /// Put a file on a machine, and the folders above it.
    pub fn put(self, machine: &str, path: &str, contents: &[u8]) {
        let write = r#"mkdir -p "$(dirname "$0")" && cat >"$0""#;
        script(&["exec", machine, "sh", "-c", write, path], contents).success();
    }

    /// The names of the machines that are up and plugged in, etcd's members not among them.
    pub fn running(self) -> BTreeSet<String> {
        self.those_that_are("running")
    }

    /// The names of the machines in this state.
    pub fn those_that_are(self, state: &str) -> BTreeSet<String> {
        let list = script(&["list"], b"").success();
        let columns = list.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        columns.filter(|c| c[1] == "machine" && c[3] == state).map(|c| c[0].to_owned()).collect()
    }

    /// Copy images of the computer's engine into that of every machine.
    pub fn load(self, images: &[&str]) {
        script(&[&["load"], images].concat(), b"").success();
    }

    /// Build the guestbook's images and copy them to every machine.
    pub fn build_guestbook(self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/guestbook-images");
        run(&path, &[], b"").success();
    }

    /// The Debian image that every computer can make.
    pub fn base_image(self) -> String {
        script(&["image"], b"").success().trim().to_owned()
    }

    /// One more machine, without fleet; returns its name.
    pub fn add_bare(self) -> String {
        script(&["add", "--bare"], b"").success().trim().to_owned()
    }

    /// Any verb of `scripts/cluster`.
    pub fn verb(self, arguments: &[&str]) -> Output {
        script(arguments, b"")
    }

    /// A verb of `scripts/cluster` that takes only a name: of a machine, or of a member of etcd.
    pub fn does(self, verb: &str, name: &str) {
        self.verb(&[verb, name]).success();
    }
}

/// What a command left behind.
#[must_use = "say whether it was to succeed: .success(), .failure(), or look at it"]
pub struct Output {
    command: String,
    /// None: ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// What it wrote to stdout; panics with everything known when the command failed.
    #[track_caller]
    pub fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{self}");
        self.stdout
    }

    /// What it wrote to stderr; panics when the command did not fail.
    #[track_caller]
    pub fn failure(self) -> String {
        assert_ne!(self.code, Some(0), "{self}");
        self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "$ {}\nexit status {:?}", self.command, self.code)?;
        write!(f, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Look again and again until `look` has what is awaited. Past the limit, panic with the last thing it saw instead.
#[track_caller]
pub fn wait_for<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => {
                panic!("waited {limit:?} for {what}; last seen:\n{seen}")
            }
            Err(_) => std::thread::park_timeout(POLL),
        }
    }
}

fn script(arguments: &[&str], input: &[u8]) -> Output {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cluster");
    run(&path, arguments, input)
}

fn run(path: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new("timeout")
        .args(["--kill-after=5", COMMAND_SECS_MAX])
        .arg(path)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("scripts/cluster starts");
    // A command that does not read its input to the end is no error.
    let _ = child.stdin.take().expect("stdin is a pipe").write_all(input);
    let output = child.wait_with_output().expect("scripts/cluster ends");
    Output {
        command: format!("{} {}", path.display(), arguments.join(" ")),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
