//! A folder, a scripted cluster, and the real `fleetctl` in an environment that has nothing else.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::cluster::Cluster;
use super::server::{Script, serve};

/// No run of the program in a test takes longer, unless it hangs.
const RUN_MAX: Duration = Duration::from_secs(30);

/// What a test works on.
pub struct Bench {
    pub script: Script,
    folder: tempfile::TempDir,
    _server: tokio::runtime::Runtime,
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
        write!(
            f,
            "exit {:?}\n--- stdout\n{}--- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}

impl Ended {
    /// Asserts all that can be seen of a run at once.
    #[track_caller]
    pub fn is(&self, code: i32, stdout: &str, stderr: &str) {
        let expected = Ended {
            code: Some(code),
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        assert!(*self == expected, "expected {expected}\n=== got {self}");
    }
}

impl Bench {
    /// A cluster in which a test has set the scene.
    pub fn new(scene: impl FnOnce(&mut Cluster)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Script::default();
        scene(&mut script.lock());
        let server = serve(&folder.path().join("fleet.sock"), script.clone());
        Self {
            script,
            folder,
            _server: server,
        }
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
        let endpoint = self.endpoint();
        self.run_with(arguments, &[("FLEETCTL_ENDPOINT", &endpoint)])
    }

    /// The same with nothing but these variables.
    pub fn run_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Ended {
        let child = Command::new(env!("CARGO_BIN_EXE_fleetctl"))
            .args(arguments.split_whitespace())
            .current_dir(self.folder())
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let id = child.id().to_string();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(RUN_MAX) else {
            let _ = Command::new("kill").arg(&id).status();
            panic!(
                "fleetctl {arguments} hangs; it asked {:#?}",
                self.script.lock().asked
            );
        };
        let output = output.unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
