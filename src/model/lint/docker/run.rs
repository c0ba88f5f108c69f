//! The arguments of `docker run` and of `docker-run.sh`, as far as the rules ask for them.
//! Must not know the rules.

use std::ops::Range;

use crate::unitfile::{Command, UnitName, Word, expand};

/// The wrapper that makes a container behave as a service.
const SCRIPT: &str = "docker-run.sh";

/// Options of `docker run` without a value; all the others have one, in the same word or in the next.
const SWITCHES: [&str; 14] = [
    "--detach",
    "--disable-content-trust",
    "--help",
    "--init",
    "--interactive",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--privileged",
    "--publish-all",
    "--quiet",
    "--read-only",
    "--rm",
    "--sig-proxy",
    "--tty",
];

/// Options of `docker` itself that have a value.
const GLOBAL_VALUED: [&str; 10] = [
    "--config",
    "--context",
    "--host",
    "--log-level",
    "--tlscacert",
    "--tlscert",
    "--tlskey",
    "-H",
    "-c",
    "-l",
];

/// A command that runs a container.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    /// By the wrapper.
    pub by_script: bool,
    /// Where it says that the client shall not stay, in bytes of the value.
    pub detached: Option<Range<usize>>,
    /// Docker removes the container when it ends.
    pub removed: bool,
    /// The container's name.
    pub name: Option<String>,
    /// The containers that have to be there before this one.
    pub joins: Vec<Join>,
}

/// A container that another one is joined to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Join {
    /// By which option, as `--link`.
    pub option: String,
    pub container: String,
    /// Where, in bytes of the value.
    pub at: Range<usize>,
}

/// What a command runs, if it runs a container.
pub(super) fn run(command: &Command, unit: &UnitName) -> Option<Run> {
    let by_script = command.base() == SCRIPT;
    let arguments = match command.base() {
        SCRIPT if is_cleanup(command) => return None,
        SCRIPT => &command.arguments[..],
        _ => after_verb(command, "run")?,
    };
    let mut run = Run { by_script, ..Run::default() };
    let mut words = arguments.iter();
    while let Some(word) =
        words.next().filter(|word| word.text.starts_with('-') && word.text != "--")
    {
        for (option, value) in options(&word.text) {
            let valued = !SWITCHES.contains(&&*option);
            // A value in a word of its own.
            let (value, at) = match (value, valued) {
                (None, true) => match words.next() {
                    Some(next) => (next.text.clone(), word.at.start..next.at.end),
                    None => break,
                },
                (value, _) => (value.unwrap_or_else(|| "true".to_owned()), word.at.clone()),
            };
            run.take(&option, &expand(&value, unit), at);
        }
    }
    Some(run)
}

/// The container that a command removes by name.
pub(super) fn removal(command: &Command, unit: &UnitName) -> Option<String> {
    let words = match command.base() {
        SCRIPT if is_cleanup(command) => &command.arguments[1..],
        _ => after_verb(command, "rm")?,
    };
    let name = words.iter().find(|word| !word.text.starts_with('-'))?;
    Some(expand(&name.text, unit))
}

fn is_cleanup(command: &Command) -> bool {
    command.arguments.first().is_some_and(|word| word.text == "--cleanup")
}

/// Whether a command is Docker's client or the wrapper.
pub(super) fn is_docker(command: &Command) -> bool {
    ["docker", SCRIPT].contains(&command.base())
}

/// What follows `docker VERB` or `docker container VERB`.
fn after_verb<'a>(command: &'a Command, verb: &str) -> Option<&'a [Word]> {
    let mut rest = command.arguments.as_slice();
    if command.base() != "docker" {
        return None;
    }
    while let [first, after @ ..] = rest {
        rest = match first.text.as_str() {
            "container" => after,
            text if text == verb => return Some(after),
            text if GLOBAL_VALUED.contains(&text) => after.get(1..)?,
            text if text.starts_with('-') => after,
            _ => return None,
        };
    }
    None
}

/// The options in one word, each with its value if that is in the word too: `--name=x`, `-dit`,
/// `-p80:80`. Short ones are given by their long names where the rules ask for them.
fn options(word: &str) -> Vec<(String, Option<String>)> {
    if word.starts_with("--") {
        return vec![match word.split_once('=') {
            Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
            None => (word.to_owned(), None),
        }];
    }
    let mut options = Vec::new();
    let mut letters = word.trim_start_matches('-').chars();
    while let Some(letter) = letters.next() {
        let option = match letter {
            'd' => "--detach",
            'i' => "--interactive",
            'P' => "--publish-all",
            'q' => "--quiet",
            't' => "--tty",
            // Has the rest of the word as its value, or the next word.
            _ => {
                let rest = Some(letters.as_str().to_owned()).filter(|rest| !rest.is_empty());
                options.push((format!("-{letter}"), rest));
                return options;
            }
        };
        let value = letters.as_str().strip_prefix('=').map(str::to_owned);
        let last = value.is_some();
        options.push((option.to_owned(), value));
        if last {
            break;
        }
    }
    options
}

impl Run {
    fn take(&mut self, option: &str, value: &str, at: Range<usize>) {
        let on = !matches!(value, "false" | "0" | "f" | "F" | "FALSE" | "False");
        let joined = match option {
            "--detach" => {
                self.detached = on.then_some(at);
                return;
            }
            "--rm" => {
                self.removed = on;
                return;
            }
            "--name" => {
                self.name = Some(value.to_owned());
                return;
            }
            "--link" => value.split(':').next(),
            "--volumes-from" => value.split(':').next(),
            "--net" | "--network" | "--pid" | "--ipc" => value.strip_prefix("container:"),
            _ => None,
        };
        if let Some(container) =
            joined.filter(|name| !name.is_empty() && !name.contains(['%', '$']))
        {
            let (option, container) = (option.to_owned(), container.to_owned());
            self.joins.push(Join { option, container, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unitfile::commands;

    fn read(line: &str) -> Option<Run> {
        let unit = UnitName::parse("web@1.service").unwrap();
        run(&commands(line).unwrap()[0], &unit)
    }

    #[test]
    fn finds_the_container() {
        for (line, name) in [
            ("/usr/bin/docker run --name web nginx", Some("web")),
            ("docker -H tcp://a:1 container run -dit --name=web-%i nginx", Some("web-1")),
            ("docker run -p 80:80 -p81:81 -e A=b --rm=true --name web nginx", Some("web")),
            ("docker run nginx --name web", None),
            ("docker run -v --name nginx", None),
            ("docker run -- --name web", None),
            ("docker run --read-only --name", None),
            ("/opt/bin/docker-run.sh --tty --name web nginx", Some("web")),
        ] {
            assert_eq!(read(line).unwrap().name.as_deref(), name, "{line}");
        }
        for line in ["docker ps", "docker", "docker exec a run", "/bin/sh -c 'docker run a'"] {
            assert_eq!(read(line), None, "{line}");
        }
        assert_eq!(read("/opt/bin/docker-run.sh --cleanup web"), None);
    }

    #[test]
    fn finds_what_else_is_asked_for() {
        let run = read("docker run -itd --rm --link db:database --net=container:vpn a").unwrap();
        assert_eq!((run.detached, run.removed), (Some(11..15), true));
        let joins: Vec<_> = run
            .joins
            .iter()
            .map(|join| (&*join.option, &*join.container, join.at.clone()))
            .collect();
        assert_eq!(joins, [("--link", "db", 21..39), ("--net", "vpn", 40..59)]);
        assert_eq!(read("docker run --detach=false -d=0 a").unwrap().detached, None);
        let unit = UnitName::parse("web@1.service").unwrap();
        for line in [
            "-/usr/bin/docker rm -f web-%i",
            "docker container rm web-1",
            "docker-run.sh --cleanup web-1",
        ] {
            let removed = removal(&commands(line).unwrap()[0], &unit);
            assert_eq!(removed.as_deref(), Some("web-1"), "{line}");
        }
    }
}
