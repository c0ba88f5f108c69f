//! The machines of this run, and a hand on each: orders go out, answers and journals come back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::SystemTime;

use crate::cluster::Cluster;
use crate::hand;
use crate::journal::{self, What, Word};
use crate::orders::{Order, Ran};

/// Where this program lies on a machine.
const PROGRAM: &str = "/usr/local/bin/bench-cluster";

/// All machines, by name.
pub struct Machines {
    hands: BTreeMap<String, Hand>,
}

/// This program on a machine. It ends with its input.
struct Hand {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Machines {
    /// Puts this program on all machines of the cluster that run.
    pub fn ready() -> Machines {
        let program = std::env::current_exe().and_then(std::fs::read).expect("this program reads");
        let hands = Cluster.running().into_iter().map(|machine| {
            Cluster.put(&machine, PROGRAM, &program);
            Cluster.exec(&machine, &["chmod", "+x", PROGRAM]).success();
            let hand = Hand::on(&machine);
            (machine, hand)
        });
        Machines { hands: hands.collect() }
    }

    /// The names of the machines.
    pub fn names(&self) -> Vec<String> {
        self.hands.keys().cloned().collect()
    }

    /// The machine on which `fleetctl` and its peers are called.
    pub fn first(&self) -> String {
        self.hands.keys().next().expect("there is a machine").clone()
    }

    /// A machine has died, and the hand on it.
    pub fn lose(&mut self, machine: &str) {
        self.hands.remove(machine).expect("a machine");
    }

    /// A machine is back.
    pub fn find(&mut self, machine: &str) {
        self.hands.insert(machine.to_owned(), Hand::on(machine));
    }

    /// Has one order carried out; panics when it fails.
    pub fn does(&mut self, machine: &str, order: Order) -> Vec<Ran> {
        self.all(BTreeMap::from([(machine.to_owned(), order)])).remove(machine).expect("an answer")
    }

    /// Has one command run on a machine.
    pub fn run(&mut self, machine: &str, command: &[&str]) -> Ran {
        let commands = vec![command.iter().map(|&word| word.to_owned()).collect()];
        self.does(machine, Order::Run { commands, at_once: 1 }).remove(0)
    }

    /// Has a shell script run on a machine.
    pub fn sh(&mut self, machine: &str, script: &str) -> Ran {
        self.run(machine, &["sh", "-ec", script])
    }

    /// Has orders carried out on several machines at once.
    pub fn all(&mut self, orders: BTreeMap<String, Order>) -> BTreeMap<String, Vec<Ran>> {
        for (machine, order) in &orders {
            self.hands.get_mut(machine).expect("a machine").tell(order);
        }
        let answers = orders.into_keys().map(|machine| {
            let ran = self.hands.get_mut(&machine).expect("a machine").answer();
            if let Some(failed) = ran.iter().find(|ran| ran.failed) {
                panic!("{machine}: {}", failed.output);
            }
            (machine, ran)
        });
        answers.collect()
    }

    /// Has the same script run on all machines at once.
    pub fn everywhere(&mut self, script: &str) -> BTreeMap<String, String> {
        let order = || Order::Run {
            commands: vec![["sh", "-ec", script].map(str::to_owned).to_vec()],
            at_once: 1,
        };
        let orders = self.hands.keys().map(|machine| (machine.clone(), order())).collect();
        let ran = self.all(orders).into_iter();
        ran.map(|(machine, mut ran)| (machine, ran.remove(0).output)).collect()
    }

    /// What every systemd said since then, by machine.
    pub fn journals(&mut self, since: SystemTime) -> BTreeMap<String, Vec<Word>> {
        let journals = self.everywhere(&journal::command(since)).into_iter();
        journals.map(|(machine, text)| (machine, journal::words(&text, since))).collect()
    }

    /// When that happened to each unit since then, wherever it is.
    pub fn moments(&mut self, what: What, since: SystemTime) -> BTreeMap<String, SystemTime> {
        let words = self.journals(since).into_values().flatten();
        words.filter(|word| word.what == what).map(|word| (word.unit, word.at)).collect()
    }
}

impl Hand {
    fn on(machine: &str) -> Hand {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cluster");
        let mut process = Command::new(script)
            .args(["exec", machine, PROGRAM, hand::MODE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("scripts/cluster starts");
        let orders = process.stdin.take().expect("stdin is a pipe");
        let answers = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        Hand { process, orders, answers }
    }

    fn tell(&mut self, order: &Order) {
        let order = serde_json::to_string(order).expect("an order writes");
        writeln!(self.orders, "{order}").expect("the hand listens");
    }

    fn answer(&mut self) -> Vec<Ran> {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the hand answers");
        serde_json::from_str(&line).expect("the answer reads")
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // It may have died with its machine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
