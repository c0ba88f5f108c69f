//! Tables as fleet prints them: chosen columns, upper-case headers, aligned by tabs.
//!
//! Pure: rows in, text out. It must not know what the rows are.

use super::error::Error;
use super::output::{Form, OutputArgs};

/// Columns are aligned to tab stops, so that both eyes and `cut -f1` can read a table.
const TAB_WIDTH: usize = 8;

/// What stands where there is no value.
const NO_VALUE: &str = "-";

/// A column: what `--fields` calls it, and a row's value in it; empty for none.
pub struct Column<T> {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Its value.
    pub value: fn(&T) -> String,
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
    #[command(flatten)]
    pub output: OutputArgs,
}

impl TableArgs {
    /// The columns asked for, in the order asked for.
    pub fn choose<'c, T>(
        &self,
        known: &'c [Column<T>],
        default: &str,
    ) -> Result<Vec<&'c Column<T>>, Error> {
        if self.fields.is_some() && self.output.output != Form::Table {
            return Err(Error::FieldsOfDocument);
        }
        let fields = self.fields.as_deref().unwrap_or(default).split(',').map(str::trim);
        fields
            .map(|field| {
                let found = known.iter().find(|column| column.name == field);
                found.ok_or_else(|| Error::UnknownField {
                    field: field.to_owned(),
                    known: known.iter().map(|column| column.name).collect::<Vec<_>>().join(", "),
                })
            })
            .collect()
    }

    /// The whole table as text.
    pub fn render<T>(&self, columns: &[&Column<T>], rows: &[T]) -> String {
        let mut lines: Vec<Vec<String>> = Vec::with_capacity(rows.len() + 1);
        if !self.no_legend {
            lines.push(columns.iter().map(|column| column.name.to_uppercase()).collect());
        }
        for row in rows {
            lines.push(columns.iter().map(|column| cell((column.value)(row))).collect());
        }
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max();
        let tabs: Vec<usize> =
            (0..columns.len()).map(|at| width(at).unwrap_or(0) / TAB_WIDTH + 1).collect();
        lines.iter().map(|line| render_line(line, &tabs)).collect()
    }
}

/// `tabs` has each column's width in tab stops; the last column needs none.
fn render_line(cells: &[String], tabs: &[usize]) -> String {
    let mut text = String::new();
    for (at, cell) in cells.iter().enumerate() {
        text.push_str(cell);
        if at + 1 < cells.len() {
            let missing = tabs[at].saturating_sub(cell.chars().count() / TAB_WIDTH);
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
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column<(&str, &str)>] = &[
        Column { name: "unit", value: |row| row.0.to_owned() },
        Column { name: "sub", value: |row| row.1.to_owned() },
        Column { name: "both", value: |row| format!("{}{}", row.0, row.1) },
    ];

    const ROWS: &[(&str, &str)] = &[("a.service", "running"), ("long-name.service", "")];

    fn table(no_legend: bool, fields: &str) -> Result<String, Error> {
        let args = TableArgs { no_legend, fields: Some(fields.to_owned()), ..Default::default() };
        Ok(args.render(&args.choose(COLUMNS, "unit")?, ROWS))
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
    fn a_table_without_rows_has_its_headers() {
        let args = TableArgs::default();
        let columns = args.choose(COLUMNS, "unit,sub").expect("known");
        assert_eq!(args.render(&columns, &[]), "UNIT\tSUB\n");
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
        assert_eq!(cell("a\tb\nc\x1b[31m".to_owned()), "a b c [31m");
    }
}
