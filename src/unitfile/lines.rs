//! Lines as systemd reads them: where one ends, which are comments, which go on.
//! Must not know sections or options.

use super::error::{OptionFault, ParseError, ParseErrorKind};

/// The longest line, in bytes: what fleet 1.0 accepts (`LINE_MAX` of POSIX, beyond which old
/// systemd cut lines in two).
pub const LINE_BYTES_MAX: usize = 2048;

/// What systemd trims.
pub(super) const WHITESPACE: [char; 4] = [' ', '\t', '\n', '\r'];

/// The sign that makes a line a comment, if it is one. White space may stand before it.
pub(super) fn is_comment(line: &str) -> Option<char> {
    line.trim_start_matches(WHITESPACE).chars().next().filter(|c| matches!(c, '#' | ';'))
}

/// Whether a line ends in a backslash that is not itself escaped by one.
pub(super) fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// One line of a file, or several that are one by continuation.
pub(super) struct Line {
    /// Where it begins, counted from 1.
    pub number: usize,
    /// Without the line end; continued lines are separated by `\n`, their backslashes kept.
    pub text: String,
    /// Where in the file each of the lines in `text` begins, in bytes.
    pub starts: Vec<usize>,
}

/// The lines of a text as they stand there, each with where it begins, in bytes.
///
/// A line feed, a carriage return or one of each in either order ends a line (systemd's
/// `read_line`), so files made on other systems work. A byte order mark at the beginning is
/// skipped, as systemd does.
pub(super) struct Physical<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Physical<'a> {
    /// From the beginning of a text.
    pub fn of(text: &'a str) -> Physical<'a> {
        Physical { text, rest: text.strip_prefix('\u{feff}').unwrap_or(text) }
    }
}

impl<'a> Iterator for Physical<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<(usize, &'a str)> {
        if self.rest.is_empty() {
            return None;
        }
        let start = self.text.len() - self.rest.len();
        let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
        let (line, after) = self.rest.split_at(end);
        self.rest = ["\r\n", "\n\r", "\n", "\r"]
            .iter()
            .find_map(|ending| after.strip_prefix(ending))
            .unwrap_or(after);
        Some((start, line))
    }
}

/// The lines of a file that are not comments.
pub(super) struct Lines<'a> {
    physical: Physical<'a>,
    number: usize,
}

impl<'a> Lines<'a> {
    /// Reads from the beginning of a file.
    pub fn of(text: &'a str) -> Lines<'a> {
        Lines { physical: Physical::of(text), number: 0 }
    }

    /// The next line as it stands in the file, if a unit file can have it.
    fn checked(&mut self) -> Result<Option<(usize, &'a str)>, ParseError> {
        let Some((start, line)) = self.physical.next() else {
            return Ok(None);
        };
        self.number += 1;
        if line.len() > LINE_BYTES_MAX {
            return Err(self.refuse(OptionFault::LineTooLong { bytes: line.len() }.into()));
        }
        if line.contains('\0') {
            return Err(self.refuse(ParseErrorKind::Nul));
        }
        Ok(Some((start, line)))
    }

    fn refuse(&self, kind: ParseErrorKind) -> ParseError {
        ParseError { line: self.number, kind }
    }

    /// The next line that is not a comment, with those that continue it.
    ///
    /// Comment lines among the continued ones are skipped; a backslash at the end of a comment
    /// continues nothing (systemd.syntax(7)).
    fn logical(&mut self) -> Result<Option<Line>, ParseError> {
        let mut whole: Option<Line> = None;
        while let Some((start, line)) = self.checked()? {
            if is_comment(line).is_some() {
                continue;
            }
            match &mut whole {
                None => {
                    let (number, text) = (self.number, line.to_owned());
                    whole = Some(Line { number, text, starts: vec![start] });
                }
                Some(begun) => {
                    begun.text.push('\n');
                    begun.text.push_str(line);
                    begun.starts.push(start);
                }
            }
            if !is_continued(line) {
                break;
            }
        }
        Ok(whole)
    }
}

impl Iterator for Lines<'_> {
    type Item = Result<Line, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.logical().transpose()
    }
}
