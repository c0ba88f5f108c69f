//! The forms in which a command gives its data, and the choice between them.
//!
//! A command says what its data are, as a document, and how people read them, as text; which of
//! the two is printed is decided here. Documents are the API's where the API has one. Pure: it must
//! not know what the data are, nor print them.

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::fleetctl::error::Error;

/// How data are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// As people read them
    #[default]
    Table,
    /// The API's documents as JSON
    Json,
    /// The same as YAML
    Yaml,
}

/// The flag of every command that prints data.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputArgs {
    /// Give the data in this form
    #[arg(long, short, value_enum, value_name = "FORM", default_value_t)]
    pub output: Form,
}

impl OutputArgs {
    /// The data in the form asked for: `document`, or what `text` makes of it for people.
    pub fn render<D: Serialize + ?Sized>(
        &self,
        document: &D,
        text: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        match self.output {
            Form::Table => Ok(text()),
            Form::Json => json(document, serde_json::to_string_pretty),
            Form::Yaml => yaml(document),
        }
    }

    /// The same for one of many documents that come one after the other: JSON is a line each, YAML
    /// begins each with `---`.
    pub fn render_next<D: Serialize + ?Sized>(
        &self,
        document: &D,
        text: impl FnOnce() -> String,
    ) -> Result<String, Error> {
        match self.output {
            Form::Table => Ok(text()),
            Form::Json => json(document, serde_json::to_string),
            Form::Yaml => Ok(format!("---\n{}", yaml(document)?)),
        }
    }
}

fn json<D: Serialize + ?Sized>(
    document: &D,
    write: impl FnOnce(&D) -> serde_json::Result<String>,
) -> Result<String, Error> {
    let text = write(document);
    Ok(text.map_err(|error| Error::Document { form: "JSON", source: error.into() })? + "\n")
}

fn yaml<D: Serialize + ?Sized>(document: &D) -> Result<String, Error> {
    let text = serde_saphyr::to_string(&document);
    text.map_err(|error| Error::Document { form: "YAML", source: error.into() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn render(output: Form, document: &Value) -> String {
        OutputArgs { output }.render(document, || "words\n".to_owned()).unwrap()
    }

    #[test]
    fn each_form_ends_its_last_line() {
        let document = json!([{"name": "a.service", "launch": 3}]);
        for (form, expected) in [
            (Form::Table, "words\n"),
            (Form::Json, "[\n  {\n    \"launch\": 3,\n    \"name\": \"a.service\"\n  }\n]\n"),
            (Form::Yaml, "- launch: 3\n  name: a.service\n"),
        ] {
            assert_eq!(render(form, &document), expected);
        }
        assert_eq!(render(Form::Yaml, &json!([])), "[]\n");
    }

    #[test]
    fn documents_of_a_stream_are_told_apart() {
        let next = |output| {
            let document = json!({"a": ["b"]});
            OutputArgs { output }.render_next(&document, || "words\n".to_owned()).unwrap()
        };
        assert_eq!(next(Form::Json), "{\"a\":[\"b\"]}\n");
        assert_eq!(next(Form::Yaml), "---\na:\n- b\n");
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "\\PC{0,12}",
            "[ \t\n#:'\"\\-\\[\\]{}|>&*!%@`,?\\\\]{0,8}",
            "[Service]\nExecStart=/bin/[a-z]{0,3} \\\\\n  [a-z]*\n{0,3}",
            Just("no".to_owned()),
            Just("1e3".to_owned()),
            Just("~".to_owned()),
        ]
    }

    proptest! {
        #[test]
        fn yaml_says_what_json_says(
            map in prop::collection::btree_map(text(), text(), 0..4),
            list in prop::collection::vec(text(), 0..4),
            number in any::<i64>(),
        ) {
            let document = json!({"map": map, "list": list, "number": number});
            let read: Value = serde_saphyr::from_str(&render(Form::Yaml, &document)).unwrap();
            prop_assert_eq!(read, document);
        }
    }
}
