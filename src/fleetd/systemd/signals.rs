//! systemd's signals, turned into fleet's: subscribe, decode, filter, and come back after contact
//! was lost.
//!
//! This file knows D-Bus messages. It must not know what a signal is good for: it only says where
//! to look again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::{SelectAll, select_all};
use tokio::sync::mpsc::UnboundedSender;
use zbus::message::{Message, Type};
use zbus::names::BusName;
use zbus::{MatchRule, MessageStream, fdo};

use super::bus::{Bus, failed, is_named};
use super::folder::Folder;
use super::proxy::{JobRemoved, MANAGER_INTERFACE, MANAGER_PATH, SYSTEMD, UNITS_PATH};
use super::runs::Runs;
use super::{JobId, JobResult, Signal, SystemdError};
use crate::unitfile::UnitName;

/// How many messages of one kind may wait to be read. When they are more, the whole connection
/// waits, and with it the answers to the subscriber's own first calls: room enough for what systemd
/// sends in the second that these take at worst.
const QUEUE: std::num::NonZeroUsize = std::num::NonZeroUsize::new(1024).unwrap();

/// The first pause before contact is sought again; it doubles after each failure. Short enough for
/// nobody to notice that dbus-daemon was restarted.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// The longest such pause: no load on a machine whose bus is down.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a message from systemd means.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Signal(Signal),
    /// Properties of a unit changed.
    Properties(UnitName),
    /// systemd left the bus (to come back, when it re-executes itself): subscribe again.
    Lost,
    Nothing,
}

/// The streams of one connection, in one.
pub(super) type Subscription = SelectAll<MessageStream>;

/// Subscribes to systemd's signals: from here on, none is missed until the stream ends.
pub(super) async fn subscribe(bus: &Bus) -> Result<Subscription, SystemdError> {
    subscribe_raw(bus).await.map_err(|error| failed("subscribe".into(), error))
}

async fn subscribe_raw(bus: &Bus) -> zbus::Result<Subscription> {
    let manager = bus.manager().await?;
    let connection = manager.inner().connection();
    let names = fdo::DBusProxy::new(connection).await?;
    // Anybody may send us a message that looks like systemd's; only systemd has its unique name.
    let systemd = names.get_name_owner(BusName::try_from(SYSTEMD)?).await?;

    let of_systemd = || MatchRule::builder().msg_type(Type::Signal).sender(systemd.as_str());
    let of_manager = |member| {
        of_systemd().path(MANAGER_PATH).interface(MANAGER_INTERFACE).member(member).build()
    };
    let rules = [
        of_manager("JobRemoved")?,
        of_manager("Reloading")?,
        // One rule for the unit and for what is of its type: two rules are two streams, and one
        // would be ahead of the other.
        of_systemd()
            .path_namespace(UNITS_PATH)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .build()?,
        MatchRule::builder()
            .msg_type(Type::Signal)
            .sender("org.freedesktop.DBus")
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .arg(0, SYSTEMD)
            .build()?,
    ];
    let mut streams = Vec::with_capacity(rules.len());
    for rule in rules {
        streams.push(MessageStream::for_match_rule(rule, connection, Some(QUEUE)).await?);
    }
    match manager.subscribe().await {
        // Somebody subscribed on this connection before; that is all we want.
        Err(error) if is_named(&error, "org.freedesktop.systemd1.AlreadySubscribed") => {}
        other => other?,
    }
    Ok(select_all(streams))
}

/// Forwards signals about units in `folder` until nobody listens any more. When contact is lost, it
/// is sought again until it is back, and the listener is told to look at everything.
pub(super) async fn forward(
    bus: Arc<Bus>,
    folder: Arc<Folder>,
    runs: Arc<Runs>,
    mut subscription: Subscription,
    listener: UnboundedSender<Signal>,
) {
    let forward = async {
        loop {
            while let Some(Ok(message)) = subscription.next().await {
                match decode(&message) {
                    Heard::Properties(unit) if folder.contains(&unit) => {
                        if runs.note(&unit, &message) {
                            let _ = listener.send(Signal::Changed(unit));
                        }
                    }
                    Heard::Signal(signal) if concerns(&folder, &signal) => {
                        // A listener that is gone ends this task, below.
                        let _ = listener.send(signal);
                    }
                    Heard::Properties(_) | Heard::Signal(_) | Heard::Nothing => {}
                    Heard::Lost => break,
                }
            }
            tracing::warn!("contact with systemd is lost; seeking it again");
            subscription = resubscribe(&bus).await;
            runs.clear();
            tracing::info!("contact with systemd is back");
            let _ = listener.send(Signal::Reconnected);
        }
    };
    tokio::select! {
        () = forward => {}
        () = listener.closed() => {}
    }
}

async fn resubscribe(bus: &Bus) -> Subscription {
    let mut pause = PAUSE_MIN;
    loop {
        tokio::time::sleep(pause).await;
        match subscribe(bus).await {
            Ok(subscription) => return subscription,
            Err(error) => tracing::debug!(%error, "systemd is not back yet"),
        }
        pause = PAUSE_MAX.min(pause * 2);
    }
}

/// Whether a signal is about fleet's units.
fn concerns(folder: &Folder, signal: &Signal) -> bool {
    match signal {
        Signal::Changed(unit) | Signal::JobEnded { unit, .. } => folder.contains(unit),
        Signal::LookAgain | Signal::Reconnected => true,
    }
}

fn decode(message: &Message) -> Heard {
    let header = message.header();
    let Some(member) = header.member() else {
        return Heard::Nothing;
    };
    let signal = match member.as_str() {
        "JobRemoved" => job_ended(message),
        "PropertiesChanged" => {
            let unit = header.path().and_then(|path| unit_name(path));
            return unit.map_or(Heard::Nothing, Heard::Properties);
        }
        // Sent with `true` when a reload begins and with `false` when it is done.
        "Reloading" => match message.body().deserialize::<bool>() {
            Ok(false) => Some(Signal::LookAgain),
            _ => None,
        },
        "NameOwnerChanged" => return Heard::Lost,
        _ => None,
    };
    signal.map_or(Heard::Nothing, Heard::Signal)
}

fn job_ended(message: &Message) -> Option<Signal> {
    let body = message.body();
    let job: JobRemoved = body.deserialize().ok()?;
    Some(Signal::JobEnded {
        unit: UnitName::parse(&job.unit).ok()?,
        job: JobId(job.id),
        result: job_result(&job.result),
    })
}

/// systemd's words for the end of a job. Of the rarer ones, some mean that there was nothing to do
/// and the others that the unit cannot do what it was asked.
fn job_result(word: &str) -> JobResult {
    match word {
        "collected" => JobResult::Canceled,
        "once" => JobResult::Skipped,
        _ => JobResult::parse(word).unwrap_or(JobResult::Failed),
    }
}

/// The unit whose object this is: in the last part of the path, every byte that is no letter or
/// digit is written as `_` and two hexadecimal digits.
fn unit_name(path: &str) -> Option<UnitName> {
    let label = path.strip_prefix(UNITS_PATH)?.strip_prefix('/')?;
    UnitName::parse(&unescape(label)?).ok()
}

fn unescape(label: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'_' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.split_off(..2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(member: &str, body: &(impl serde::Serialize + zbus::DynamicType)) -> Message {
        let path = format!("{UNITS_PATH}/hello_401_2eservice");
        Message::signal(path, MANAGER_INTERFACE, member.to_string()).build(body).unwrap()
    }

    fn hello() -> UnitName {
        UnitName::parse("hello@1.service").unwrap()
    }

    #[test]
    fn object_paths_are_unit_names() {
        let named = |label: &str| unit_name(&format!("{UNITS_PATH}/{label}"));
        assert_eq!(named("hello_401_2eservice"), Some(hello()));
        assert_eq!(named("a_5fb_2dc_2etimer"), UnitName::parse("a_b-c.timer").ok());
        for bad in ["", "_", "a_2", "a_zz", "a_+1", "a_ff_2eservice", "a_2fb_2eservice"] {
            assert_eq!(named(bad), None, "{bad:?}");
        }
        assert_eq!(unit_name("/org/freedesktop/systemd1/job/7"), None);
    }

    #[test]
    fn messages_are_signals() {
        let job = zbus::OwnedObjectPath::try_from("/org/freedesktop/systemd1/job/7").unwrap();
        let removed = |result| signal("JobRemoved", &(7u32, &job, "hello@1.service", result));
        let ended = |result| {
            let (unit, job) = (hello(), JobId(7));
            Heard::Signal(Signal::JobEnded { unit, job, result })
        };
        assert_eq!(decode(&removed("done")), ended(JobResult::Done));
        assert_eq!(decode(&removed("dependency")), ended(JobResult::Dependency));
        assert_eq!(decode(&removed("assert")), ended(JobResult::Failed));

        assert_eq!(decode(&signal("Reloading", &true)), Heard::Nothing);
        assert_eq!(decode(&signal("Reloading", &false)), Heard::Signal(Signal::LookAgain));
        assert_eq!(decode(&signal("PropertiesChanged", &())), Heard::Properties(hello()));
        assert_eq!(decode(&signal("NameOwnerChanged", &(SYSTEMD, ":1.2", ""))), Heard::Lost);
        assert_eq!(decode(&signal("JobRemoved", &"not a job")), Heard::Nothing);
    }
}
