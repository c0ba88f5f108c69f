//! Names of units: what makes one valid, and its parts.
//! Must not know what is in the file of that name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{UnitType, shown};

/// The longest name, in bytes (systemd's `UNIT_NAME_MAX`, and fleet 1.0's limit).
pub const NAME_BYTES_MAX: usize = 256;

/// The valid name of a unit: `prefix.type` or `prefix@instance.type`.
///
/// Cheap to clone. Sorts as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnitName {
    text: Arc<str>,
    unit_type: UnitType,
}

impl UnitName {
    /// Checks a whole name, type included (systemd's `unit_name_is_valid`, and which types may have
    /// templates).
    pub fn parse(name: &str) -> Result<UnitName, NameError> {
        let refuse = |kind| NameError { name: shown(name), kind };
        if name.is_empty() {
            return Err(refuse(NameErrorKind::Empty));
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(refuse(NameErrorKind::TooLong { bytes: name.len() }));
        }
        let (stem, word) = name.rsplit_once('.').ok_or_else(|| refuse(NameErrorKind::NoType))?;
        let unit_type =
            UnitType::from_word(word).ok_or_else(|| refuse(NameErrorKind::UnknownType))?;
        if stem.is_empty() || stem.starts_with('@') {
            return Err(refuse(NameErrorKind::NoPrefix));
        }
        if let Some(character) = stem.chars().find(|c| !is_allowed(*c)) {
            return Err(refuse(NameErrorKind::Character { character }));
        }
        if stem.contains('@') && !unit_type.may_template() {
            return Err(refuse(NameErrorKind::NoTemplates { unit_type }));
        }
        Ok(UnitName { text: name.into(), unit_type })
    }

    /// The unit a command line means: the base name of a path, with `.service` appended unless it
    /// ends in a type systemd knows (as `fleetctl` and `systemctl` do).
    pub fn from_argument(argument: &str) -> Result<UnitName, NameError> {
        let base = argument.rsplit_once('/').map_or(argument, |(_, base)| base);
        let has_type =
            base.rsplit_once('.').is_some_and(|(_, word)| UnitType::from_word(word).is_some());
        if has_type || base.is_empty() {
            UnitName::parse(base)
        } else {
            UnitName::parse(&format!("{base}.{}", UnitType::Service))
        }
    }

    /// The whole name; the specifier `%n`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The name without its type; the specifier `%N`.
    pub fn stem(&self) -> &str {
        &self.text[..self.text.len() - self.unit_type.as_str().len() - 1]
    }

    /// What is before the first `@`, or before the type when there is none; the specifier `%p`.
    pub fn prefix(&self) -> &str {
        self.stem().split_once('@').map_or(self.stem(), |(prefix, _)| prefix)
    }

    /// What is between the first `@` and the type; the specifier `%i`. `None` for templates and
    /// plain units.
    pub fn instance(&self) -> Option<&str> {
        self.stem().split_once('@').map(|(_, instance)| instance).filter(|i| !i.is_empty())
    }

    /// What kind of unit it is.
    pub fn unit_type(&self) -> UnitType {
        self.unit_type
    }

    /// Whether this is `prefix@.type`, from which instances are made.
    pub fn is_template(&self) -> bool {
        self.stem().contains('@') && self.instance().is_none()
    }

    /// Whether this is `prefix@instance.type`.
    pub fn is_instance(&self) -> bool {
        self.instance().is_some()
    }

    /// The instance of a template; `None` of what is no template, or for what cannot be in a name.
    pub fn instance_of(&self, instance: &str) -> Option<UnitName> {
        let name = format!("{}@{instance}.{}", self.prefix(), self.unit_type);
        UnitName::parse(&name).ok().filter(|_| self.is_template())
    }

    /// The template an instance is made from; `None` for templates and plain units.
    pub fn template(&self) -> Option<UnitName> {
        self.is_instance().then(|| UnitName {
            text: format!("{}@.{}", self.prefix(), self.unit_type).into(),
            unit_type: self.unit_type,
        })
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, ':' | '_' | '.' | '@' | '\\' | '-')
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `pad`, so that tables and logs may align it.
        f.pad(&self.text)
    }
}

impl fmt::Debug for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl FromStr for UnitName {
    type Err = NameError;

    fn from_str(name: &str) -> Result<UnitName, NameError> {
        UnitName::parse(name)
    }
}

impl TryFrom<String> for UnitName {
    type Error = NameError;

    fn try_from(name: String) -> Result<UnitName, NameError> {
        UnitName::parse(&name)
    }
}

impl From<UnitName> for String {
    fn from(name: UnitName) -> String {
        name.as_str().to_owned()
    }
}

/// Why a text is not the name of a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid unit name {name:?}: {kind}")]
pub struct NameError {
    /// The text, shortened if it is long.
    pub name: String,
    /// What is wrong with it.
    pub kind: NameErrorKind,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameErrorKind {
    /// Nothing there.
    #[error("it is empty; give a name such as hello.service")]
    Empty,
    /// Too long.
    #[error("it has {bytes} bytes; at most {NAME_BYTES_MAX} are allowed")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// No dot.
    #[error("it has no type; append one, such as .service")]
    NoType,
    /// The word after the last dot is not a type.
    #[error("it does not end in a unit type; use one of {}", types())]
    UnknownType,
    /// Nothing before the type or before the `@`.
    #[error("there is nothing before its type or its \"@\"; put a name there")]
    NoPrefix,
    /// A character that systemd does not allow.
    #[error("{character:?} is not allowed; use letters, digits and any of : _ . @ \\ -")]
    Character {
        /// The first such character.
        character: char,
    },
    /// An `@` where the type has no templates.
    #[error("a {unit_type} cannot be a template or an instance; leave out the \"@\"")]
    NoTemplates {
        /// The type.
        unit_type: UnitType,
    },
}

fn types() -> String {
    UnitType::ALL.map(|t| format!(".{t}")).join(" ")
}
