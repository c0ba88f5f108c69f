//! An error with all its causes, in one line of a log.

use std::error::Error;
use std::fmt;

/// An error that nobody tells from others.
pub type BoxedError = Box<dyn Error + Send + Sync>;

/// Shows an error and what caused it: `cannot do this: because of that: and that`.
pub fn chain<'a>(error: &'a (dyn Error + 'a)) -> impl fmt::Display + 'a {
    Chain(error)
}

struct Chain<'a>(&'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
