//! What this program does on a machine: orders come in on stdin, answers go out on stdout.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use futures_util::stream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::bus::Systemd;
use crate::orders::{Order, Ran};

/// The argument that makes this program a hand.
pub const MODE: &str = "hand";

/// No order takes longer, not even where systemd has to kill what does not stop (after 90 s); one that
/// hangs must not hang the measurement.
const LIMIT: Duration = Duration::from_secs(300);

/// Obeys until nobody gives orders any more.
pub fn work() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let systemd = Systemd::connect().await.expect("systemd answers");
        for line in std::io::stdin().lock().lines() {
            let order = serde_json::from_str(&line.expect("an order")).expect("the order reads");
            let answer = obey(order, &systemd).await;
            let answer = serde_json::to_string(&answer).expect("an answer writes");
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "{answer}").and_then(|()| stdout.flush()).expect("somebody listens");
        }
    });
}

async fn obey(order: Order, systemd: &Systemd) -> Vec<Ran> {
    match order {
        Order::Run { commands, at_once } => {
            stream::iter(commands).map(run).buffered(at_once).collect().await
        }
        Order::Start { units } => vec![timed(systemd.start(&units)).await],
        Order::Write { files } => vec![timed(async { write(files) }).await],
    }
}

async fn run(command: Vec<String>) -> Ran {
    let run = async {
        let output = Command::new(&command[0]).args(&command[1..]).kill_on_drop(true).output();
        let output = output.await.map_err(|error| error.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match output.status.success() {
            true => Ok(text(&output.stdout)),
            false => Err(format!("{command:?}: {}", text(&output.stderr))),
        }
    };
    timed(run).await
}

async fn timed(work: impl Future<Output = Result<String, String>>) -> Ran {
    let began = SystemTime::now();
    let ended = timeout(LIMIT, work).await;
    let ended = ended.unwrap_or_else(|_| Err(format!("took more than {LIMIT:?}")));
    let at = SystemTime::now();
    let failed = ended.is_err();
    Ran { began, ended: at, failed, output: ended.unwrap_or_else(|error| error) }
}

fn write(files: BTreeMap<String, String>) -> Result<String, String> {
    let write = |(path, contents): (&String, &String)| {
        let folder = Path::new(path).parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder)?;
        std::fs::write(path, contents)
    };
    files.iter().try_for_each(write).map_err(|error: std::io::Error| error.to_string())?;
    Ok(String::new())
}
