//! Rewrites the old spellings in a file, whole or not at all.

use super::gather::Text;
use crate::fleetctl::error::Error;
use crate::fleetctl::files::{Links, replace};
use crate::model::fix;
use crate::model::lint::Subject;

/// Rewrites a file that has old spellings, and tells what it changed, a line each.
pub fn fix(text: &mut Text) -> Result<Vec<String>, Error> {
    let (Some(path), Ok(subject)) = (&text.path, &mut text.unit) else {
        return Ok(Vec::new());
    };
    let fixed = fix::fix(subject.draft.text());
    if fixed.changes.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |source| Error::Write { path: path.clone(), source };
    replace(path, &fixed.text, Links::Follow).map_err(failed)?;
    *subject = Subject::read(subject.name.clone(), &fixed.text);
    let told = |(line, old, key)| format!("{}:{line}: {old}= is now {key}=", text.shown);
    Ok(fixed.changes.into_iter().map(told).collect())
}
