//! The comment in which a unit file says how far its unit shall get: `# fleet: state=loaded`. Pure.
//!
//! It is a comment so that systemd and older fleets pass over it, and so that it makes no other
//! file of the unit: comments do not count in the hash.

use crate::model::{TargetState, TargetStateError};
use crate::unitfile::{UnitFile, UnitName, shown};

/// What such a comment begins with.
const MARK: &str = "fleet:";

/// The only thing it can say.
const KEY: &str = "state";

/// A comment that is meant for fleet and says nothing that fleet understands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// Not of the form `state=…`.
    #[error("the comment \"# {MARK} {rest}\" is not understood: write \"# {MARK} {KEY}=loaded\"")]
    Unknown {
        /// What follows the mark, shortened if it is long.
        rest: String,
    },
    /// No state.
    #[error("a comment \"# {MARK}\" names an {0}")]
    State(#[from] TargetStateError),
    /// Two comments that say different things.
    #[error("its comments say both \"# {MARK} {KEY}={first}\" and \"{second}\": leave one")]
    Twice {
        /// In the first comment.
        first: TargetState,
        /// In a later one.
        second: TargetState,
    },
}

/// How far a unit shall get by its file: a template nowhere, as it never runs; any other as its
/// comment says, else as far as `default`.
pub fn wanted(
    name: &UnitName,
    file: &UnitFile,
    default: TargetState,
) -> Result<TargetState, WordError> {
    let said = said(file.contents())?;
    Ok(if name.is_template() { TargetState::Inactive } else { said.unwrap_or(default) })
}

/// The same text with a comment that says this state, in the place of what it said before.
pub fn stating(contents: &str, state: TargetState) -> String {
    let comment = format!("# {MARK} {KEY}={state}");
    let mut replaced = false;
    let lines = contents.split_inclusive(['\n', '\r']).map(|line| {
        let text = line.trim_end_matches(['\n', '\r']);
        if read(text).is_none() {
            return line.to_owned();
        }
        replaced = true;
        format!("{comment}{}", &line[text.len()..])
    });
    let text: String = lines.collect();
    if replaced {
        return text;
    }
    let (mark, rest) = match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (&text[..BYTE_ORDER_MARK.len_utf8()], rest),
        None => ("", &text[..]),
    };
    format!("{mark}{comment}\n{rest}")
}

/// Stands before the first line of some files, and is no part of it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The state that the comments of a file name, if one does.
fn said(contents: &str) -> Result<Option<TargetState>, WordError> {
    let mut said = None;
    for state in contents.split(['\n', '\r']).filter_map(read) {
        let second = state?;
        let first = *said.get_or_insert(second);
        if first != second {
            return Err(WordError::Twice { first, second });
        }
    }
    Ok(said)
}

/// What one line says to fleet; `None` if it is not a comment for it. Prose that happens to begin
/// with the mark is none, but what looks like an attempt must not pass unnoticed.
fn read(line: &str) -> Option<Result<TargetState, WordError>> {
    let comment = line.trim_start_matches(BYTE_ORDER_MARK).trim().strip_prefix(['#', ';'])?;
    let rest = comment.trim_start().strip_prefix(MARK)?.trim_start();
    let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
    match key.trim_end() {
        KEY => Some(value.trim().parse().map_err(WordError::State)),
        word if is_attempt(word, rest.contains('=')) => {
            Some(Err(WordError::Unknown { rest: shown(rest) }))
        }
        _ => None,
    }
}

/// Whether something is meant to be said: the key, or any one word that gets a value.
fn is_attempt(word: &str, has_value: bool) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
    word.split(|c| !is_letter(c)).next() == Some(KEY) || (has_value && word.chars().all(is_letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use TargetState::{Inactive, Launched, Loaded};

    const FILE: &str = "[Service]\nExecStart=/bin/true\n";

    #[test]
    fn a_comment_names_the_state() {
        for (comment, state) in [
            ("# fleet: state=inactive", Some(Inactive)),
            ("#fleet:state=loaded", Some(Loaded)),
            ("  ; fleet: state = launched  ", Some(Launched)),
            ("\u{feff}# fleet: state=loaded", Some(Loaded)),
            ("# fleet: state=loaded\n# fleet: state=loaded", Some(Loaded)),
            ("# fleet: the one that starts a=b and stops", None),
            ("# fleet: https://wiki/?id=3", None),
            ("# fleet: stateless, so it may move", None),
            ("# fleet state=loaded", None),
            ("Description=fleet: state=loaded", None),
            ("", None),
        ] {
            assert_eq!(said(&format!("{comment}\r\n{FILE}")), Ok(state), "{comment}");
            assert_eq!(said(&format!("{FILE}{comment}")), Ok(state), "{comment} at the end");
        }
    }

    #[test]
    fn an_attempt_does_not_pass_unnoticed() {
        for (comment, words) in [
            ("# fleet: state=started", "unknown state \"started\""),
            ("# fleet: state=", "unknown state"),
            ("# fleet: state loaded", "write \"# fleet: state=loaded\""),
            ("# fleet: state: loaded", "write \"# fleet: state=loaded\""),
            ("# fleet: sate=loaded", "sate=loaded"),
            ("# fleet: state=loaded\n# fleet: state=inactive", "both"),
        ] {
            let error = said(&format!("{comment}\n{FILE}")).unwrap_err().to_string();
            assert!(error.contains(words), "{comment}: {error}");
        }
    }

    #[test]
    fn a_file_is_made_to_say_a_state() {
        for (before, after) in [
            ("[A]\nb=c\n", "# fleet: state=loaded\n[A]\nb=c\n"),
            ("\u{feff}[A]\r\n", "\u{feff}# fleet: state=loaded\n[A]\r\n"),
            ("[A]\r\n;fleet: state=x\r\nb=c", "[A]\r\n# fleet: state=loaded\r\nb=c"),
            ("# fleet: state=launched\n# fleet: prose", "# fleet: state=loaded\n# fleet: prose"),
        ] {
            assert_eq!(stating(before, Loaded), after, "{before}");
            assert_eq!(said(&stating(before, Loaded)), Ok(Some(Loaded)), "{before}");
        }
    }

    #[test]
    fn a_template_is_wanted_nowhere() {
        let file = UnitFile::parse(&format!("# fleet: state=loaded\n{FILE}")).unwrap();
        let wanted = |name: &str| wanted(&UnitName::parse(name).unwrap(), &file, Launched);
        assert_eq!(wanted("a@.service"), Ok(Inactive));
        assert_eq!(wanted("a@1.service"), Ok(Loaded));
    }
}
