//! Arguments made ready for clap: Go's way to write flags, which fleet 1.0's scripts use, becomes the
//! GNU way: `-endpoint URL`, `--no-block=true`, `--replace=false`.
//!
//! Pure: the command line's definition and arguments in, arguments out. What is no flag of ours is
//! left as it is, and so is all that follows `--` or belongs to a program that is run elsewhere.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, Id};

/// Arguments that clap reads.
#[derive(Debug, Default)]
pub struct Ready {
    /// All of them, the program's name first.
    pub arguments: Vec<OsString>,
    /// The flags of every command that are among them.
    pub given: BTreeSet<Id>,
}

/// Turns arguments into what clap reads. `root` has to be built, for its subcommands to have the
/// flags of every command.
pub fn ready(root: &Command, arguments: impl IntoIterator<Item = OsString>) -> Ready {
    let mut arguments = arguments.into_iter();
    let mut ready = Ready::default();
    ready.arguments.extend(arguments.next());
    let mut command = root;
    while let Some(argument) = arguments.next() {
        let text = argument.to_str().unwrap_or_default();
        if text == "--" {
            ready.arguments.push(argument);
            break;
        }
        let Some((name, value)) = split(text) else {
            let runs_elsewhere = runs_elsewhere(command);
            command = subcommand(command, text).unwrap_or(command);
            ready.arguments.push(argument);
            if runs_elsewhere {
                break;
            }
            continue;
        };
        match find(command, name) {
            Some(flag) => {
                ready.flag(flag, name, value);
                let value_follows = value.is_none()
                    && flag.get_action().takes_values()
                    && !flag.is_require_equals_set();
                if value_follows {
                    ready.arguments.extend(arguments.next());
                }
            }
            None => ready.arguments.push(argument),
        }
    }
    ready.arguments.extend(arguments);
    ready
}

impl Ready {
    /// Adds a flag, or takes back what `--flag=false` takes back.
    fn flag(&mut self, flag: &Arg, name: &str, value: Option<&str>) {
        if flag.is_global_set() {
            self.given.insert(flag.get_id().clone());
        }
        let plain = if name.len() == 1 { format!("-{name}") } else { format!("--{name}") };
        match (flag.get_action(), value.map(truth), value) {
            (ArgAction::SetTrue, Some(Some(false)), _) => {
                self.arguments.retain(|argument| *argument != *plain);
            }
            (ArgAction::SetTrue, Some(Some(true)), _) | (.., None) => {
                self.arguments.push(plain.into());
            }
            (.., Some(value)) => self.arguments.push(format!("{plain}={value}").into()),
        }
    }
}

/// A flag's name and its value; `None` for what is no flag.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let name = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
    match name.split_once('=') {
        _ if name.is_empty() => None,
        Some((name, value)) => Some((name, Some(value))),
        None => Some((name, None)),
    }
}

/// The flag of a command, or of all of them, with this name.
fn find<'c>(command: &'c Command, name: &str) -> Option<&'c Arg> {
    let short = |arg: &Arg| arg.get_short().is_some_and(|short| name == short.to_string());
    command.get_arguments().find(|arg| arg.get_long() == Some(name) || short(arg))
}

/// The subcommand with this name, or the only one whose name begins like this.
fn subcommand<'c>(command: &'c Command, name: &str) -> Option<&'c Command> {
    let mut begin = command.get_subcommands().filter(|one| one.get_name().starts_with(name));
    command.find_subcommand(name).or_else(|| begin.next().filter(|_| begin.next().is_none()))
}

/// Whether a command passes all that follows its first word on to another program.
fn runs_elsewhere(command: &Command) -> bool {
    command.get_positionals().any(Arg::is_trailing_var_arg_set)
}

/// What Go takes for a truth value (strconv.ParseBool).
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Command {
        let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
        let debug = Arg::new("debug").long("debug").num_args(0..=1).require_equals(true);
        let lines = Arg::new("lines").long("lines").short('n');
        let words = Arg::new("words").num_args(0..).trailing_var_arg(true);
        let mut tree = Command::new("fleetctl")
            .version("1")
            .arg(Arg::new("endpoint").long("endpoint").global(true))
            .arg(debug.global(true))
            .subcommand(Command::new("start").arg(flag("replace").short('r')).arg(flag("no-block")))
            .subcommand(Command::new("status").arg(lines))
            .subcommand(Command::new("ssh").arg(Arg::new("machine")).arg(words));
        tree.build();
        tree
    }

    #[test]
    fn flags_are_written_the_gnu_way() {
        for (given, expected) in [
            ("-endpoint X start", "--endpoint X start"),
            ("-endpoint=X start a", "--endpoint=X start a"),
            ("start -endpoint -x a", "start --endpoint -x a"),
            ("start a -endpoint", "start a --endpoint"),
            ("start -no-block -replace a", "start --no-block --replace a"),
            ("start --no-block=true --replace=F a", "start --no-block a"),
            ("start --replace --replace=0 a", "start a"),
            ("sta -r=1 a", "sta -r=1 a"),
            ("star -r=1 a", "star -r a"),
            ("start --replace=maybe", "start --replace=maybe"),
            ("--debug=false start", "--debug=false start"),
            ("-debug start", "--debug start"),
            ("-version", "--version"),
            ("-help", "--help"),
            ("status -n 5 -lines=3 -- -lines=2", "status -n 5 --lines=3 -- -lines=2"),
            ("status -n5 -bogus - a", "status -n5 -bogus - a"),
            ("-debug ssh -debug m1 ls -debug=true", "--debug ssh --debug m1 ls -debug=true"),
        ] {
            let words = format!("fleetctl {given}");
            let got = ready(&tree(), words.split(' ').map(OsString::from)).arguments;
            let got: Vec<&str> = got.iter().filter_map(|word| word.to_str()).collect();
            assert_eq!(got.join(" "), format!("fleetctl {expected}"), "{given}");
        }
    }

    #[test]
    fn flags_of_every_command_are_noted() {
        for (given, expected) in [
            ("-endpoint X start a -debug", &["debug", "endpoint"][..]),
            ("start --replace a", &[]),
            ("ssh m1 ls --debug", &[]),
            ("start -- --debug", &[]),
        ] {
            let words = format!("fleetctl {given}");
            let got = ready(&tree(), words.split(' ').map(OsString::from)).given;
            assert!(got.iter().map(Id::as_str).eq(expected.iter().copied()), "{given}");
        }
    }
}
