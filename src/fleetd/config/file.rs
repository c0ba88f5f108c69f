//! The text of a configuration: INI without sections, values bare or quoted, lists in two forms.
//! Must not know which options there are.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use configparser::ini::{Ini, IniDefault};

use super::ConfigError;

/// The options in a file, by name.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let failed = |message| ConfigError::File { path: path.display().to_string(), message };
    text.and_then(parse).map_err(failed)
}

/// Whether everyone on this machine may read a file.
pub fn is_open(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
}

fn parse(text: String) -> Result<BTreeMap<String, String>, String> {
    let mut defaults = IniDefault::default();
    // Values are URLs and lists: `:`, `#` and `;` are part of them.
    defaults.delimiters = vec!['='];
    defaults.enable_inline_comments = false;
    let section = defaults.default_section.clone();
    let mut sections = Ini::new_from_defaults(defaults).read(text)?;
    if let Some(other) = sections.keys().find(|name| **name != section) {
        return Err(format!("section [{other}] is not known; fleet's options have no section"));
    }
    let options = sections.remove(&section).unwrap_or_default().into_iter();
    options
        .map(|(name, value)| match value {
            Some(value) => {
                let bare = unquoted(&value);
                bare.map(|bare| (name.clone(), bare.to_owned()))
                    .ok_or_else(|| format!("{name}: a quote is opened and not closed"))
            }
            None => Err(format!("{name} has no value; write {name}=VALUE")),
        })
        .collect()
}

/// A value without the quotes around it, if it has a pair; `None` if it has half of one.
fn unquoted(value: &str) -> Option<&str> {
    let value = value.trim();
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].strip_suffix(quote),
        _ => Some(value),
    }
}

/// A list, as `a,b` or as `["a","b"]`, without its empty entries; `None` if a bracket or a quote
/// is opened and not closed.
pub fn list(value: &str) -> Option<Vec<String>> {
    let inner = match value.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => value,
    };
    let entries: Option<Vec<&str>> = inner.split(',').map(unquoted).collect();
    Some(entries?.into_iter().filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
}
