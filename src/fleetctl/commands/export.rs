//! `fleetctl export`

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::api::Unit;
use crate::fleetctl::Context;
use crate::fleetctl::apply::snapshot;
use crate::fleetctl::bring::source;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::files::{Links, is_hidden, replace, stating, wanted};
use crate::fleetctl::show::tell;
use crate::model::TargetState;
use crate::unitfile::{UnitFile, UnitName};

/// Write the cluster's unit files into a folder
///
/// Each file is byte for byte what was submitted. Only where something else is wanted of a unit
/// than `apply` would read from its file, a comment `# fleet: state=inactive` in it says so: then
/// `fleetctl apply` of the folder changes nothing. Other files in the folder stay as they are.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl export units/ && git -C units diff")]
pub struct ExportArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Overwrite files that differ
    #[arg(long)]
    force: bool,
}

pub async fn run(context: &Context, args: &ExportArgs) -> Result<ExitStatus, Error> {
    let folder = &args.folder;
    let texts = texts(&snapshot(context).await?).map_err(|errors| context.all(&errors))?;
    let (hidden, texts): (BTreeMap<_, _>, BTreeMap<_, _>) =
        texts.into_iter().partition(|(name, _)| is_hidden(name.as_str()));
    for name in hidden.keys() {
        context.ui.warn(&format!("{name} is left out: as a file it would be hidden"));
    }
    if texts.is_empty() {
        context.ui.warn("the cluster has no units to write");
    }
    if !folder.is_dir() {
        let failed = |source| Error::Write { path: folder.clone(), source };
        fs::create_dir(folder).map_err(failed)?;
    }
    let mut new = Vec::new();
    let mut other = Vec::new();
    for (name, text) in &texts {
        let path = folder.join(name.as_str());
        // A link reads as what it leads to will, once that is written.
        let to = fs::read_link(&path)
            .ok()
            .and_then(|to| texts.get(&UnitName::parse(to.to_str()?).ok()?));
        match to.map(|to| to.as_bytes().to_vec()).or(there(&path)?) {
            None => new.push((path, text)),
            Some(bytes) if bytes != text.as_bytes() => other.push((path, text)),
            Some(_) => {}
        }
    }
    if !other.is_empty() && !args.force {
        let files = tell::list(other.iter().map(|(path, _)| path.display()));
        return Err(Error::Overwrites { files });
    }
    for (path, text) in new.iter().chain(&other) {
        let failed = |source| Error::Write { path: path.clone(), source };
        replace(path, text, Links::Replace).map_err(failed)?;
    }
    let written = new.len() + other.len();
    context.ui.line(&format!("{written} written, {} unchanged", texts.len() - written))?;
    Ok(ExitStatus::Done)
}

/// The text of every unit's file, or every error.
fn texts(cluster: &BTreeMap<UnitName, Unit>) -> Result<BTreeMap<UnitName, String>, Vec<Error>> {
    let mut texts = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, unit) in cluster {
        match text(name, unit) {
            Ok(text) => drop(texts.insert(name.clone(), text)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(texts) } else { Err(errors) }
}

/// A file that says of a unit what the cluster has and wants. Pure.
fn text(name: &UnitName, unit: &Unit) -> Result<String, Error> {
    let file = source::stored(name, unit)?;
    let desired = unit.desired_state.unwrap_or_default();
    if wanted(name, &file, TargetState::Launched) == Ok(desired) {
        return Ok(file.contents().to_owned());
    }
    let text = stating(file.contents(), desired);
    // The comment may be more than a file of the largest size can hold.
    let read = UnitFile::parse(&text);
    read.map_err(|source| Error::Parse { path: PathBuf::from(name.as_str()), source })?;
    Ok(text)
}

/// What a file holds; `None` where there is none.
fn there(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    match source::bytes(path) {
        Ok(None) => Err(failed(io::Error::other("it is not a file"))),
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use TargetState::{Inactive, Launched, Loaded};

    fn line() -> impl Strategy<Value = String> {
        let said =
            prop_oneof!["# fleet: state=(inactive|loaded|launched)", ";fleet:state=[a-z]{0,3}"];
        prop_oneof![
            said,
            "[#;] [a-z]{0,5}",
            "ExecStart=/bin/[a-z]{1,4}( \\\\)?",
            "[A-Z][a-z]{0,4}=[a-z #;]{0,8}",
            Just(String::new()),
        ]
    }

    proptest! {
        /// An exported file says what is wanted, and is the same file to fleet.
        #[test]
        fn what_is_exported_is_what_is_wanted(
            lines in prop::collection::vec(line(), 0..6),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
            desired in prop_oneof![Just(Inactive), Just(Loaded), Just(Launched)],
        ) {
            let contents = ["[Service]".to_owned()].into_iter().chain(lines);
            let contents = contents.collect::<Vec<_>>().join(end);
            let (name, Ok(file)) = (UnitName::parse("a.service").unwrap(), UnitFile::parse(&contents))
            else {
                return Ok(());
            };
            let unit = crate::fleetctl::wait::task::wish(&name, desired, Some(&file));
            let exported = UnitFile::parse(&text(&name, &unit).unwrap()).unwrap();
            prop_assert_eq!(wanted(&name, &exported, Launched), Ok(desired));
            prop_assert_eq!(exported.hash(), file.hash());
        }
    }
}
