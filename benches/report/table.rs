//! A table of results: printed, and kept in the page about performance if that is asked for.

use std::fs;
use std::path::Path;

/// One table. Its id names its place in the page: what stands between `<!-- id -->` and
/// `<!-- /id -->` is written anew.
#[derive(Debug)]
pub struct Table {
    id: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub fn new(id: &'static str, columns: &[&str]) -> Table {
        Table { id, rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    /// One more row.
    pub fn row<const CELLS: usize>(&mut self, cells: [String; CELLS]) {
        assert_eq!(CELLS, self.rows[0].len(), "a cell for each column");
        self.rows.push(cells.into());
    }

    /// Prints it; keeps it, if `RECORD=1`.
    pub fn tell(&self) {
        let text = self.text();
        println!("\n{}\n\n{text}", self.id);
        if std::env::var("RECORD").is_ok_and(|record| record == "1") {
            self.keep(&text);
        }
    }

    /// As Markdown, in columns that line up.
    pub fn text(&self) -> String {
        let width = |column: usize| {
            self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = widths.iter().map(|width| format!("|{}", "-".repeat(width + 2)));
        let rule = format!("{}|\n", rule.collect::<String>());
        let (head, rest) = (line(&self.rows[0]), self.rows[1..].iter().map(line));
        [head, rule].into_iter().chain(rest).collect()
    }

    fn keep(&self, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
        let page = fs::read_to_string(&path).expect("docs/performance.md can be read");
        let marks = [format!("<!-- {} -->\n", self.id), format!("<!-- /{} -->", self.id)];
        let (before, rest) =
            page.split_once(&marks[0]).expect("the page has a place for the table");
        let (_, after) = rest.split_once(&marks[1]).expect("the place has an end");
        let page = format!("{before}{}{text}{}{after}", marks[0], marks[1]);
        fs::write(&path, page).expect("docs/performance.md can be written");
    }
}
