//! `fleetctl verify`

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::fleetctl::Context;
use crate::fleetctl::error::{Error, ExitStatus};
use crate::fleetctl::show::output::OutputArgs;
use crate::fleetctl::ui::Ui;
use crate::fleetctl::verify::gather::{Text, gather};
use crate::fleetctl::verify::show::{Shown, summary};
use crate::fleetctl::verify::{fix, peers};
use crate::model::lint::{lint, rules};
use crate::unitfile::Draft;
use crate::unitfile::lint::{Finding, Severity};

/// Check unit files for mistakes
///
/// Prints a line for every mistake with its place, what is wrong and what to do. An error is what
/// fleet or systemd refuses, and makes the exit status 1; a warning is what they accept, but
/// probably do not understand as it was meant. Each ends with its rule in brackets, which --allow
/// takes. Units that a file refers to are looked for among the
/// files, beside them, and, if a daemon answers, in the cluster.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fleetctl verify units/
  fleetctl verify --offline --strict --allow docker-order units/
  fleetctl verify --fix web.service")]
pub struct VerifyArgs {
    /// Unit files, folders of them, or units of the cluster
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Rewrite old spellings in the files, then check
    #[arg(long)]
    fix: bool,
    /// Exit with 1 for warnings too
    #[arg(long)]
    strict: bool,
    /// Do not ask the cluster
    #[arg(long)]
    pub offline: bool,
    /// Leave out what this rule finds; may be repeated
    #[arg(
        long,
        value_name = "RULE",
        value_parser = PossibleValuesParser::new(rules().map(|rule| rule.name)),
        hide_possible_values = true
    )]
    allow: Vec<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(context: &Context, args: &VerifyArgs) -> Result<ExitStatus, Error> {
    let mut texts = gather(context, &args.files, args.offline).await?;
    if args.fix {
        for text in &mut texts {
            for change in fix::fix(text)? {
                context.ui.note(&change);
            }
        }
    }
    let peers = peers::find(context, &texts, args.offline).await;
    let looked: Vec<(&Text, &Draft, Vec<Finding>)> = texts
        .iter()
        .map(|text| match &text.unit {
            Ok(subject) => (text, &subject.draft, lint(subject, &peers)),
            Err((draft, finding)) => (text, draft, vec![finding.clone()]),
        })
        .collect();
    let shown: Vec<Shown> = looked
        .iter()
        .flat_map(|(text, draft, findings)| {
            findings.iter().map(|finding| Shown { file: &text.shown, draft, finding })
        })
        .filter(|shown| !args.allow.iter().any(|rule| rule == shown.finding.rule.name))
        .collect();
    let documents: Vec<_> = shown.iter().map(Shown::document).collect();
    let text = || shown.iter().map(|shown| written(&context.ui, shown)).collect();
    context.ui.data(&args.output.render(&documents, text)?)?;
    context.ui.note(&summary(texts.len(), &shown));
    let bad = |shown: &Shown| args.strict || shown.finding.rule.severity == Severity::Error;
    Ok(if shown.iter().any(bad) { ExitStatus::Failed } else { ExitStatus::Done })
}

/// Short for programs, with the source for people.
fn written(ui: &Ui, shown: &Shown) -> String {
    if ui.is_read() { shown.block(ui.tint()) } else { shown.line() }
}
