//! The files that `verify` is to look at: from files, folders and names of units.

use std::io;
use std::path::{Path, PathBuf};

use crate::fleetctl::Context;
use crate::fleetctl::bring::source;
use crate::fleetctl::error::Error;
use crate::fleetctl::files;
use crate::model::lint::{self, Subject};
use crate::unitfile::lint::Finding;
use crate::unitfile::{Draft, UnitName};

/// A text that is looked at.
#[derive(Debug)]
pub struct Text {
    /// What to call it.
    pub shown: String,
    /// Where it is on disk; `None` if it is the cluster's.
    pub path: Option<PathBuf>,
    /// Its unit, or what keeps it from being one.
    pub unit: Result<Subject, (Draft, Finding)>,
}

/// Reads all that the arguments mean, each file once, in their order.
pub async fn gather(
    context: &Context,
    arguments: &[String],
    offline: bool,
) -> Result<Vec<Text>, Error> {
    let mut texts: Vec<Text> = Vec::new();
    for argument in arguments {
        for text in one(context, argument, offline).await? {
            if !texts.iter().any(|other| other.shown == text.shown) {
                texts.push(text);
            }
        }
    }
    Ok(texts)
}

async fn one(context: &Context, argument: &str, offline: bool) -> Result<Vec<Text>, Error> {
    let path = Path::new(argument);
    if path.is_dir() {
        let members = files::members(path)?;
        if members.is_empty() {
            return Err(Error::NoFiles { folders: argument.to_owned() });
        }
        return members.iter().map(|path| read(path)).collect();
    }
    if path.exists() {
        return Ok(vec![read(path)?]);
    }
    let missing = || Error::Read { path: path.to_owned(), source: io::ErrorKind::NotFound.into() };
    let name = UnitName::from_argument(argument).map_err(|_| missing())?;
    let whole = path.with_file_name(name.as_str());
    if whole.exists() {
        return Ok(vec![read(&whole)?]);
    }
    if offline || argument.contains('/') {
        return Err(missing());
    }
    let unit = context.client.unit(&name).await?;
    let unit = unit.ok_or_else(|| source::nowhere(argument, &name))?;
    let file = source::stored(&name, &unit)?;
    let shown = name.to_string();
    Ok(vec![Text { shown, path: None, unit: Ok(Subject::read(name, file.contents())) }])
}

/// Reads a file.
fn read(path: &Path) -> Result<Text, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let bytes = source::bytes(path).map_err(failed)?;
    let bytes = bytes.ok_or_else(|| failed(io::Error::other("it is not a file")))?;
    let base = path.file_name().unwrap_or_default().to_string_lossy();
    let unit = match (UnitName::parse(&base), std::str::from_utf8(&bytes)) {
        (_, Err(error)) => {
            let valid = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let draft = Draft::read(&valid);
            let finding = lint::not_text(&draft);
            Err((draft, finding))
        }
        (Err(error), Ok(text)) => {
            let draft = Draft::read(text);
            let finding = lint::bad_name(&draft, &error);
            Err((draft, finding))
        }
        (Ok(name), Ok(text)) => Ok(Subject::read(name, text)),
    };
    Ok(Text { shown: path.display().to_string(), path: Some(path.to_owned()), unit })
}
