//! A text that is to be a unit file, with the place of everything in it, mistakes included.
//! Must not know what the options mean.

use std::iter;
use std::ops::Range;

use super::error::{OptionFault, ParseError, ParseErrorKind};
use super::lines::{LINE_BYTES_MAX, Line, Physical, WHITESPACE, is_continued};
use super::option::UnitOption;
use super::parse::{Statement, Statements, check_size};
use super::quoting::Word;
use super::{UnitFile, quoting};

/// How many lines may be wrong before the rest is not read: this is something else than a unit file.
const FAULTS_MAX: usize = 100;

/// Where something is in a text. Line and column count from 1, columns and width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// Its first character.
    pub column: usize,
    /// How many characters of the line it covers.
    pub width: usize,
}

/// A text that is to be a unit file.
#[derive(Debug, Clone)]
pub struct Draft {
    text: String,
    /// Where each line begins, in bytes, and where it ends.
    lines: Vec<Range<usize>>,
    sections: Vec<Section>,
    faults: Vec<ParseError>,
}

/// A header and what stands under it.
#[derive(Debug, Clone)]
pub struct Section {
    /// What is in the brackets.
    pub name: String,
    /// The header with its brackets, in bytes of the text.
    pub header: Range<usize>,
    /// Its assignments.
    pub entries: Vec<Entry>,
}

/// An assignment.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it says, as the API carries it.
    pub option: UnitOption,
    /// The name before the `=`, in bytes of the text.
    pub key: Range<usize>,
    /// The value on one line: two spaces stand for each backslash with its line break.
    pub value: String,
    /// For each part of the value that is on a line of its own: where it begins in the value, and
    /// where in the text.
    parts: Vec<(usize, usize)>,
}

impl Draft {
    /// Reads a text to its end. What is wrong is among the [`Draft::faults`].
    pub fn read(text: &str) -> Draft {
        let lines = Physical::of(text).map(|(start, line)| start..start + line.len()).collect();
        let mut draft =
            Draft { text: text.to_owned(), lines, sections: Vec::new(), faults: Vec::new() };
        match check_size(text) {
            Ok(()) => draft.gather(),
            Err(error) => draft.faults.push(error),
        }
        draft
    }

    fn gather(&mut self) {
        let text = std::mem::take(&mut self.text);
        // What stands under a broken header, or before all of them, is in no section that could be
        // named; that is said once.
        let mut lost = false;
        for statement in Statements::of(&text) {
            if self.faults.len() == FAULTS_MAX {
                break;
            }
            match statement {
                Ok((line, Statement::Header(name))) => {
                    lost = false;
                    let header = trimmed(&line);
                    self.sections.push(Section { name, header, entries: Vec::new() });
                }
                Ok((line, Statement::Assignment(option))) => {
                    if let Some(section) = self.sections.last_mut().filter(|_| !lost) {
                        section.entries.push(Entry::new(&line, option));
                    }
                }
                Err(error) if error.kind == ParseErrorKind::NoSection && lost => {}
                Err(error) => {
                    lost |= error.kind.leaves_section_open();
                    self.faults.push(error);
                }
            }
        }
        self.text = text;
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The sections in order. Two headers of one name are two.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The assignments in every section of this name, in order.
    pub fn entries<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.sections.iter().filter(move |s| s.name == section).flat_map(|s| &s.entries)
    }

    /// The assignments of an option that count, in order: an empty one takes back those before it.
    pub fn all<'a>(&'a self, section: &'a str, name: &str) -> Vec<&'a Entry> {
        let mut all = Vec::new();
        for entry in self.entries(section).filter(|entry| entry.option.name == name) {
            match entry.value.as_str() {
                "" => all.clear(),
                _ => all.push(entry),
            }
        }
        all
    }

    /// The names of units in an option, each with its assignment.
    pub fn unit_names<'a>(&'a self, section: &'a str, name: &str) -> Vec<(&'a Entry, Word)> {
        let words = |entry: &'a Entry| {
            let words = quoting::unit_names(&entry.value).unwrap_or_default();
            words.into_iter().map(move |word| (entry, word))
        };
        self.all(section, name).into_iter().flat_map(words).collect()
    }

    /// What is wrong, in order of the lines.
    pub fn faults(&self) -> impl Iterator<Item = (Place, &ParseErrorKind)> {
        self.faults.iter().map(|fault| (self.place_of(fault.line, &fault.kind), &fault.kind))
    }

    /// The unit file that it is, or that what is good of it would be.
    pub fn file(&self) -> Option<UnitFile> {
        if self.faults.is_empty() {
            return UnitFile::parse(&self.text).ok();
        }
        let entries = self.sections.iter().flat_map(|section| &section.entries);
        UnitFile::from_options(entries.map(|entry| entry.option.clone()).collect()).ok()
    }

    /// The text of a line, counted from 1, without its end.
    pub fn line(&self, number: usize) -> &str {
        let line = self.lines.get(number.wrapping_sub(1)).cloned().unwrap_or_default();
        &self.text[line]
    }

    /// The place of a piece of the text, given in bytes; of several lines it is the first.
    pub fn place(&self, range: &Range<usize>) -> Place {
        let number = self.lines.partition_point(|line| line.start <= range.start).max(1);
        let Some(line) = self.lines.get(number - 1) else {
            return Place { line: 1, column: 1, width: 1 };
        };
        let count = |from, to| self.text.get(from..to).map_or(0, |text| text.chars().count());
        let column = 1 + count(line.start, range.start);
        let width = count(range.start, range.end.min(line.end)).max(1);
        Place { line: number, column, width }
    }

    /// The place of a piece of a value, given in bytes of [`Entry::value`].
    pub fn place_in(&self, entry: &Entry, range: &Range<usize>) -> Place {
        self.place(&entry.in_text(range))
    }

    /// The place of the whole value, or of the name where there is none.
    pub fn place_of_value(&self, entry: &Entry) -> Place {
        match entry.value.len() {
            0 => self.place(&entry.key),
            bytes => self.place_in(entry, &(0..bytes)),
        }
    }

    /// What in the line is wrong.
    fn place_of(&self, number: usize, kind: &ParseErrorKind) -> Place {
        let line = self.line(number);
        let start = self.lines.get(number.wrapping_sub(1)).map_or(0, |line| line.start);
        let at =
            |offset: usize, bytes: usize| self.place(&(start + offset..start + offset + bytes));
        let find = |c: char| line.find(c).map(|offset| at(offset, c.len_utf8()));
        let found = match kind {
            ParseErrorKind::Nul => find('\0'),
            ParseErrorKind::Option(OptionFault::LineTooLong { .. }) => {
                let end = (0..=LINE_BYTES_MAX).rfind(|offset| line.is_char_boundary(*offset));
                end.map(|end| at(end, line.len().saturating_sub(end)))
            }
            ParseErrorKind::Option(
                OptionFault::SectionCharacter(c) | OptionFault::NameCharacter(c),
            ) => find(*c),
            _ => None,
        };
        found.unwrap_or_else(|| {
            let text = line.trim_matches(WHITESPACE);
            at(line.len() - line.trim_start_matches(WHITESPACE).len(), text.len())
        })
    }
}

impl ParseErrorKind {
    /// Whether it leaves open which section the lines below are in.
    fn leaves_section_open(&self) -> bool {
        matches!(
            self,
            ParseErrorKind::NoSection
                | ParseErrorKind::OpenHeader
                | ParseErrorKind::Option(
                    OptionFault::NoSection
                        | OptionFault::SectionTooLong { .. }
                        | OptionFault::SectionCharacter(_)
                )
        )
    }
}

impl Entry {
    fn new(line: &Line, option: UnitOption) -> Entry {
        let equals = line.text.find('=').unwrap_or(line.text.len());
        let raw = line.text.get(equals + 1..).unwrap_or_default();
        let mut value = raw.replace("\\\n", "  ");
        if is_continued(&value) {
            value.pop();
        }
        let begin = equals + 1 + value.len() - value.trim_start_matches(WHITESPACE).len();
        let value = value.trim_matches(WHITESPACE).to_owned();
        let before = line.text[..equals].trim_matches(WHITESPACE);
        let key_at = equals - line.text[..equals].trim_start_matches(WHITESPACE).len();
        // The name that was read has no continuation in it, or else it is all that is before the `=`.
        let name_at = before.find(option.name.as_str()).unwrap_or_default();
        let key = line.in_file(key_at + name_at);
        let key = key..key + option.name.len().min(before.len() - name_at);
        let breaks = line.text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = breaks.zip(line.starts.iter().skip(1));
        let later = lines.filter(|(at, _)| *at > begin).map(|(at, start)| (at - begin, *start));
        let parts = iter::once((0, line.in_file(begin))).chain(later).collect();
        Entry { option, key, value, parts }
    }

    /// Where a piece of the value is in the text, in bytes.
    fn in_text(&self, range: &Range<usize>) -> Range<usize> {
        let last = self.parts.partition_point(|(at, _)| *at <= range.start).max(1) - 1;
        let (from, to) = self.parts[last];
        let next = self.parts.get(last + 1).map_or(usize::MAX, |(at, _)| *at);
        to + range.start - from..to + range.end.min(next) - from
    }
}

impl Line {
    /// Where in the file a place in the text is, in bytes.
    fn in_file(&self, at: usize) -> usize {
        let before = &self.text[..at];
        let part = before.matches('\n').count();
        let begin = before.rfind('\n').map_or(0, |end| end + 1);
        self.starts[part] + at - begin
    }
}

/// The line without the white space around it, in bytes of the file.
fn trimmed(line: &Line) -> Range<usize> {
    let text = line.text.trim_matches(WHITESPACE);
    let at = line.text.len() - line.text.trim_start_matches(WHITESPACE).len();
    let start = line.in_file(at);
    start..start + text.len()
}
