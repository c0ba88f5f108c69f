//! What the lists have in common: their flags, and how rows and documents become what is printed,
//! once or again and again. It must not know what is listed.

use clap::Args;
use serde::Serialize;

use super::output::{Form, OutputArgs};
use super::table::{Change, Column, TableArgs};
use super::watch;
use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::ui::Shown;

/// The flags of every list.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub table: TableArgs,
    #[command(flatten)]
    pub output: OutputArgs,
    /// Show the list again whenever it changes, until Ctrl-C
    ///
    /// On a terminal in place; elsewhere one table after the other, JSON a line each, YAML
    /// documents.
    #[arg(long, short)]
    pub watch: bool,
}

/// What is listed, as the API has it and as the table's rows.
pub struct Listing<D, R> {
    /// Whole.
    pub documents: Vec<D>,
    /// In the same order.
    pub rows: Vec<R>,
    /// What is to be said beside it, a line each: no data, whatever the form.
    pub notes: Vec<String>,
}

impl ListArgs {
    /// The columns asked for, in the order asked for. What is no table has none to choose.
    pub fn choose<'c, T>(
        &self,
        known: &'c [Column<T>],
        default: &str,
    ) -> Result<Vec<&'c Column<T>>, Error> {
        match self.output.output {
            Form::Table => self.table.choose(known, default),
            Form::Json | Form::Yaml if self.table.fields.is_some() => Err(Error::FieldsOfDocument),
            Form::Json | Form::Yaml => Ok(Vec::new()),
        }
    }
}

/// Prints the list that `look` sees, or watches it; `live` if it has figures that nobody tells of.
pub async fn run<D: Serialize, R>(
    context: &Context,
    args: &ListArgs,
    columns: &[&Column<R>],
    live: bool,
    look: impl AsyncFn() -> Result<Listing<D, R>, Error>,
) -> Result<ExitStatus, Error> {
    let table = |rows: &[R]| args.table.render(columns, rows, context.ui.tint());
    if !args.watch {
        let list = look().await?;
        context.ui.data(&args.output.render(&list.documents, || table(&list.rows))?)?;
        list.notes.iter().for_each(|note| context.ui.note(note));
        return Ok(ExitStatus::Done);
    }
    let refresh = live || columns.iter().any(|column| column.change != Change::Told);
    let screen = match args.output.output {
        Form::Table => context.ui.screen(true, "\n"),
        Form::Json | Form::Yaml => context.ui.screen(false, ""),
    };
    let look = async || {
        let list = look().await?;
        let text = args.output.render_next(&list.documents, || table(&list.rows))?;
        Ok(Shown { text, notes: list.notes })
    };
    watch::watch(context, screen, refresh, look).await
}
