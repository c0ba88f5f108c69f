//! Tables as fleet prints them: chosen columns, upper-case headers, aligned by tabs.
//!
//! Pure: rows in, text out. It must not know what the rows are.

use crate::fleetctl::error::Error;
use crate::fleetctl::ui::{Tint, Tone, printable};
use crate::model::similar;

/// Columns are aligned to tab stops, so that both eyes and `cut -f1` can read a table.
const TAB_WIDTH: usize = 8;

/// What stands where there is no value.
const NO_VALUE: &str = "-";

/// A column: what `--fields` calls it, and a row's value in it.
pub struct Column<T> {
    /// Its name, in lower case.
    pub name: &'static str,
    value: fn(&T) -> String,
    tone: fn(&T) -> Tone,
    /// How its value comes to change.
    pub change: Change,
}

/// How the values of a column change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// With the cluster, which tells of it.
    Told,
    /// With the time.
    Passing,
    /// All the time; the machines have to be asked.
    Live,
}

impl<T> Column<T> {
    /// A column with each row's value; empty for none.
    pub const fn new(name: &'static str, value: fn(&T) -> String) -> Self {
        Self { name, value, tone: |_| Tone::Plain, change: Change::Told }
    }

    /// The same in colours.
    pub const fn toned(self, tone: fn(&T) -> Tone) -> Self {
        Self { name: self.name, value: self.value, tone, change: self.change }
    }

    /// The same with values that change like this.
    pub const fn changing(self, change: Change) -> Self {
        Self { name: self.name, value: self.value, tone: self.tone, change }
    }
}

/// A value as a column has it: empty for none.
pub fn optional<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The flags every table has.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct TableArgs {
    /// Leave out the headers
    #[arg(long)]
    pub no_legend: bool,
    /// Show ids and hashes whole
    #[arg(long, short = 'l')]
    pub full: bool,
    /// Show these columns, separated by commas
    #[arg(long, value_name = "FIELDS")]
    pub fields: Option<String>,
}

impl TableArgs {
    /// The columns asked for, in the order asked for.
    pub fn choose<'c, T>(
        &self,
        known: &'c [Column<T>],
        default: &str,
    ) -> Result<Vec<&'c Column<T>>, Error> {
        let fields = self.fields.as_deref().unwrap_or(default).split(',').map(str::trim);
        fields
            .map(|field| {
                let names = || known.iter().map(|column| column.name);
                let found = known.iter().find(|column| column.name == field);
                found.ok_or_else(|| Error::UnknownField {
                    field: field.to_owned(),
                    known: names().collect::<Vec<_>>().join(", "),
                    meant: similar(field, names(), |name| name),
                })
            })
            .collect()
    }

    /// The whole table as text.
    pub fn render<T>(&self, columns: &[&Column<T>], rows: &[T], tint: Tint) -> String {
        let mut lines: Vec<Vec<Cell>> = Vec::with_capacity(rows.len() + 1);
        if !self.no_legend {
            let header = |column: &&Column<T>| (column.name.to_uppercase(), Tone::Plain);
            lines.push(columns.iter().map(header).collect());
        }
        for row in rows {
            let cell = |column: &&Column<T>| (cell((column.value)(row)), (column.tone)(row));
            lines.push(columns.iter().map(cell).collect());
        }
        let width = |at: usize| lines.iter().map(|line| line[at].0.chars().count()).max();
        let tabs: Vec<usize> =
            (0..columns.len()).map(|at| width(at).unwrap_or(0) / TAB_WIDTH + 1).collect();
        lines.iter().map(|line| render_line(line, &tabs, tint)).collect()
    }
}

/// What stands in one row's column, and how good that is.
type Cell = (String, Tone);

/// `tabs` has each column's width in tab stops; the last column needs none. Colours take no room.
fn render_line(cells: &[Cell], tabs: &[usize], tint: Tint) -> String {
    let mut text = String::new();
    for (at, (word, tone)) in cells.iter().enumerate() {
        text.push_str(&tint.paint(*tone, word));
        if at + 1 < cells.len() {
            let missing = tabs[at].saturating_sub(word.chars().count() / TAB_WIDTH);
            text.push_str(&"\t".repeat(missing));
        }
    }
    text.push('\n');
    text
}

/// A cell is one line without tabs, whatever the value says.
fn cell(value: String) -> String {
    if value.is_empty() {
        return NO_VALUE.to_owned();
    }
    printable(&value.replace(['\t', '\n'], " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column<(&str, &str)>] = &[
        Column::new("unit", |row| row.0.to_owned()),
        Column::new("sub", |row: &(&str, &str)| row.1.to_owned()).toned(|_| Tone::Good),
        Column::new("both", |row| format!("{}{}", row.0, row.1)),
    ];

    const ROWS: &[(&str, &str)] = &[("a.service", "running"), ("long-name.service", "")];

    fn table(no_legend: bool, fields: &str) -> Result<String, Error> {
        let args = TableArgs { no_legend, fields: Some(fields.to_owned()), ..Default::default() };
        Ok(args.render(&args.choose(COLUMNS, "unit")?, ROWS, Tint::default()))
    }

    #[test]
    fn columns_are_aligned_by_tabs() {
        for (no_legend, fields, expected) in [
            (false, "unit,sub", "UNIT\t\t\tSUB\na.service\t\trunning\nlong-name.service\t-\n"),
            (true, "sub, unit", "running\ta.service\n-\tlong-name.service\n"),
            (true, "unit", "a.service\nlong-name.service\n"),
        ] {
            assert_eq!(table(no_legend, fields).expect(fields), expected);
        }
    }

    #[test]
    fn colours_take_no_room() {
        let args = TableArgs::default();
        let columns = args.choose(COLUMNS, "sub,unit").expect("known");
        let painted = args.render(&columns, ROWS, Tint::new(true));
        assert!(painted.contains("\x1b[32mrunning\x1b[0m\ta.service"), "{painted}");
        let plain = painted.replace("\x1b[32m", "").replace("\x1b[0m", "");
        assert_eq!(plain, args.render(&columns, ROWS, Tint::default()));
    }

    #[test]
    fn a_table_without_rows_has_its_headers() {
        let args = TableArgs::default();
        let columns = args.choose(COLUMNS, "unit,sub").expect("known");
        assert_eq!(args.render(&columns, &[], Tint::default()), "UNIT\tSUB\n");
    }

    #[test]
    fn an_unknown_field_is_named_with_those_there_are() {
        for fields in ["unit,nope", "nope", ""] {
            let error = table(true, fields).expect_err(fields).to_string();
            assert!(error.ends_with("choose from unit, sub, both"), "{error}");
        }
        assert!(table(true, "unit,nope").is_err_and(|error| error.to_string().contains("nope")));
    }

    #[test]
    fn a_value_cannot_break_its_line() {
        assert_eq!(cell("a\tb\nc\x1b[31m".to_owned()), "a b c\u{fffd}[31m");
    }
}
