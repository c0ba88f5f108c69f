//! What to change in the cluster so that a unit climbs to where `submit`, `load` or `start` want it.
//!
//! Pure: what is stored and what is at hand in, the step out.

use crate::model::TargetState;

/// The commands that bring units up; each does what the one before does, and more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Known to the cluster.
    Submit,
    /// On a machine.
    Load,
    /// Started there.
    Start,
}

impl Verb {
    /// The command's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Load => "load",
            Self::Start => "start",
        }
    }

    /// What it wants of a unit.
    pub fn target(self) -> TargetState {
        match self {
            Self::Submit => TargetState::Inactive,
            Self::Load => TargetState::Loaded,
            Self::Start => TargetState::Launched,
        }
    }
}

/// How a unit stands that the cluster has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// What is wanted of it.
    pub desired: TargetState,
    /// There is a file at hand, and it is another one.
    pub differs: bool,
    /// Nothing comes of its last start any more, or not soon: systemd has it inactive or failed, or
    /// it waits because its machine was lost again and again.
    pub rests: bool,
}

/// What to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Keep,
    /// What is wanted of the unit.
    Want(TargetState),
    /// One more start.
    Again,
    /// The file, and what is wanted of the unit.
    Store(TargetState),
}

/// `--replace` would pull away the file of a unit that is further up than the command goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} --replace does not replace a unit that is {desired}: {}", .verb.word(), remedy(*.desired))]
pub struct TooFarUp {
    verb: Verb,
    desired: TargetState,
}

fn remedy(desired: TargetState) -> &'static str {
    match desired {
        TargetState::Launched => "use start --replace, or unload it first",
        TargetState::Loaded | TargetState::Inactive => {
            "use load --replace or start --replace, or unload it first"
        }
    }
}

/// The step for a unit that the cluster has. One that it does not have is stored.
pub fn step(verb: Verb, stored: Stored, replace: bool) -> Result<Step, TooFarUp> {
    let target = verb.target();
    let Stored { desired, differs, rests } = stored;
    if differs && replace {
        return if desired <= target {
            Ok(Step::Store(target))
        } else {
            Err(TooFarUp { verb, desired })
        };
    }
    if verb == Verb::Start && desired == TargetState::Launched && rests {
        return Ok(Step::Again);
    }
    // Submitting what is stored asks nothing of it, whatever it does at present.
    if verb == Verb::Submit || desired == target {
        return Ok(Step::Keep);
    }
    Ok(Step::Want(target))
}

#[cfg(test)]
mod tests {
    use super::Verb::{Load, Start, Submit};
    use super::*;
    use crate::model::TargetState::{Inactive, Launched, Loaded};

    #[test]
    fn what_is_stored_keeps_its_file() {
        for (verb, desired, expected) in [
            (Submit, Inactive, Step::Keep),
            (Submit, Loaded, Step::Keep),
            (Submit, Launched, Step::Keep),
            (Load, Inactive, Step::Want(Loaded)),
            (Load, Loaded, Step::Keep),
            (Load, Launched, Step::Want(Loaded)),
            (Start, Inactive, Step::Want(Launched)),
            (Start, Loaded, Step::Want(Launched)),
            (Start, Launched, Step::Keep),
        ] {
            // A file that differs counts only with --replace, and --replace only then.
            for (differs, replace) in [(false, false), (true, false), (false, true)] {
                let stored = Stored { desired, differs, rests: false };
                assert_eq!(step(verb, stored, replace), Ok(expected), "{verb:?} {desired}");
            }
        }
    }

    #[test]
    fn what_rests_is_started_again() {
        for (verb, desired, expected) in [
            (Start, Launched, Step::Again),
            (Start, Loaded, Step::Want(Launched)),
            (Load, Launched, Step::Want(Loaded)),
            (Submit, Launched, Step::Keep),
        ] {
            let stored = Stored { desired, differs: false, rests: true };
            assert_eq!(step(verb, stored, false), Ok(expected), "{verb:?} {desired}");
        }
        let other_file = Stored { desired: Launched, differs: true, rests: true };
        assert_eq!(step(Start, other_file, true), Ok(Step::Store(Launched)));
    }

    #[test]
    fn replace_goes_no_higher_than_the_command() {
        for (verb, desired, allowed) in [
            (Submit, Inactive, true),
            (Submit, Loaded, false),
            (Submit, Launched, false),
            (Load, Inactive, true),
            (Load, Loaded, true),
            (Load, Launched, false),
            (Start, Inactive, true),
            (Start, Loaded, true),
            (Start, Launched, true),
        ] {
            let expected = if allowed {
                Ok(Step::Store(verb.target()))
            } else {
                Err(TooFarUp { verb, desired })
            };
            let stored = Stored { desired, differs: true, rests: false };
            assert_eq!(step(verb, stored, true), expected, "{verb:?} {desired}");
        }
    }
}
