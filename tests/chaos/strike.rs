//! Doing faults and undoing them. Each ends within the time that any command has.

use crate::faults::{Deed, Fault, Whom};
use crate::machines::{self, Journal, cluster, etcdctl};
use crate::records::{At, Outage};

/// Does it, leaves it so for its time, and undoes it whatever became of it. The journal is that of a
/// machine that is no more.
pub fn strike(fault: Fault, machine: &str) -> Result<(Outage, Option<Journal>), String> {
    let victim = victim(fault.deed, machine)?;
    let mut from = At::now();
    let done = act(fault.deed, &victim);
    if done.is_ok() {
        machines::rest(fault.hold);
    }
    let mut journal = None;
    if let Deed::Visit = fault.deed {
        journal = Some(machines::journal(&victim));
        // It lived until now.
        from = At::now();
    }
    let undo = if fault.is_instant() { from } else { At::now() };
    let undone = take_back(fault.deed, &victim);
    done.and(undone)?;
    let Fault { name, harm, .. } = fault;
    Ok((Outage { fault: name, victim, harm, from, undo, till: At::now() }, journal.transpose()?))
}

/// To whom it is done: to that machine, or to whom it must be done; several with a space between them.
fn victim(deed: Deed, machine: &str) -> Result<String, String> {
    match deed {
        Deed::There(..) | Deed::Verbs(..) | Deed::Block(..) => Ok(machine.to_owned()),
        Deed::ToMany(..) => many(machine),
        Deed::ToLeader(..) => etcd_leader(),
        Deed::ToMost(..) => {
            let members: Vec<String> = machines::all("etcd")?.into_keys().skip(1).collect();
            Ok(members.join(" "))
        }
        Deed::InEtcd(..) => Ok("etcd1".to_owned()),
        Deed::Visit => Ok(cluster(&["add"])?.trim().to_owned()),
    }
}

fn act(deed: Deed, victim: &str) -> Result<(), String> {
    match deed {
        Deed::There(script, _) | Deed::InEtcd(script, _) => shell(victim, script),
        Deed::Verbs(verb, _)
        | Deed::ToMany(verb, _)
        | Deed::ToLeader(verb, _)
        | Deed::ToMost(verb, _) => each(verb, victim),
        Deed::Block(ways, whom) => {
            let others = whom.others(victim)?;
            let mut arguments = vec!["block", victim, ways];
            arguments.extend(others.iter().map(String::as_str));
            cluster(&arguments).map(drop)
        }
        Deed::Visit => Ok(()),
    }
}

fn take_back(deed: Deed, victim: &str) -> Result<(), String> {
    match deed {
        Deed::There(_, "") | Deed::Verbs(_, "") | Deed::InEtcd(_, "") => Ok(()),
        Deed::There(_, script) | Deed::InEtcd(_, script) => shell(victim, script),
        Deed::Verbs(_, verb)
        | Deed::ToMany(_, verb)
        | Deed::ToLeader(_, verb)
        | Deed::ToMost(_, verb) => each(verb, victim),
        Deed::Block(..) => cluster(&["heal", victim]).map(drop),
        Deed::Visit => cluster(&["remove", victim]).map(drop),
    }
}

fn shell(name: &str, script: &str) -> Result<(), String> {
    cluster(&["exec", name, "sh", "-c", script]).map(drop)
}

/// One that fails does not spare the others.
fn each(verb: &str, victims: &str) -> Result<(), String> {
    let done = victims.split(' ').map(|victim| cluster(&[verb, victim]).map(drop));
    done.fold(Ok(()), Result::and)
}

/// More than half of the machines, from that one on.
fn many(machine: &str) -> Result<String, String> {
    let all: Vec<String> = machines::all("machine")?.into_keys().collect();
    let first = all.iter().position(|name| name == machine).unwrap_or_default();
    let many = all.iter().cycle().skip(first).take(all.len() / 2 + 1);
    Ok(many.map(String::as_str).collect::<Vec<_>>().join(" "))
}

fn etcd_leader() -> Result<String, String> {
    let status = etcdctl(&["endpoint", "status", "--cluster"])?;
    // Columns: endpoint, id, version, size, whether it leads, …
    let leads = |line: &&str| line.split(", ").nth(4) == Some("true");
    let line = status.lines().find(leads).ok_or_else(|| format!("etcd has no leader: {status}"))?;
    let members = machines::all("etcd")?;
    let leader = members.into_iter().find(|(_, ip)| line.contains(&format!("//{ip}:")));
    leader.map(|(name, _)| name).ok_or_else(|| format!("who is {line}?"))
}

impl Whom {
    /// The others of whom packets are dropped; none stands for everyone.
    fn others(self, victim: &str) -> Result<Vec<String>, String> {
        let all = match self {
            Whom::Everyone => return Ok(Vec::new()),
            Whom::Etcd => machines::all("etcd")?,
            Whom::OtherMachines => machines::all("machine")?,
        };
        Ok(all.into_keys().filter(|name| name != victim).collect())
    }
}
