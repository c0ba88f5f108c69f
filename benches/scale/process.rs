//! The same from outside: starts a process with machines, has some of them killed, and looks at what
//! the process uses.

use std::path::Path;
use std::process::Stdio;

use fleet::model::MachineId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Ticks of processor time in a second, as /proc counts them.
const TICKS: f64 = 100.0;

/// A process with machines; dropping it kills them all.
pub struct Process {
    child: Child,
    ask: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts so many machines, the first of this number, and does not wait for them.
    pub fn start(run: &Path, port: u16, first: usize, count: usize) -> Process {
        // It ends with us, whatever becomes of us.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(std::env::current_exe().expect("this program has a path"))
            .arg("host")
            .arg(run)
            .args([port.to_string(), first.to_string(), count.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("this program starts");
        let ask = child.stdin.take().expect("it listens");
        let answers = BufReader::new(child.stdout.take().expect("it answers")).lines();
        Process { child, ask, answers }
    }

    /// Waits until all of them are of the cluster.
    pub async fn joined(&mut self) {
        assert_eq!(self.answer().await, "joined");
    }

    /// Kills so many of them, as a power cut would.
    pub async fn kill_some(&mut self, count: usize) -> Vec<MachineId> {
        let ask = format!("kill {count}\n");
        self.ask.write_all(ask.as_bytes()).await.expect("it listens");
        let answer = self.answer().await;
        let ids = answer.split_whitespace();
        ids.map(|id| MachineId::parse(id).expect("an id")).collect()
    }

    /// Kills all of them.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process can be killed");
    }

    /// Its resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        memory(self.id())
    }

    /// Seconds of processor time that it has used.
    pub fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id()));
        let stat = stat.expect("a process that runs");
        // The name may have blanks; utime and stime are the 12th and 13th after it.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        ticks.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS
    }

    fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    async fn answer(&mut self) -> String {
        let answer = self.answers.next_line().await.expect("an answer");
        answer.expect("the process with machines goes on")
    }
}

/// The resident memory of a process, in bytes.
pub fn memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}
