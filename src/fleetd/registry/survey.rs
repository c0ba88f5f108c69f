//! How machines are now, for who asks: the question, which every agent hears, and the answers.
//! Nothing is written, and nobody wakes, unless somebody asks.

use super::Registry;
use super::keys::Key;
use super::mirror::{Mirror, View};
use super::records::{About, FiguresRecord, SurveyRecord, encode, readable};
use super::store::{Event, KeyValue, LeaseId, Op, Range, Revision, StoreError};
use crate::model::MachineId;

/// What was asked last. A question that comes before the one before it is answered does not hide
/// it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Question {
    /// The revision that asked last, about whatever; `None` when nobody ever did.
    pub asked: Option<Revision>,
    /// The revision that asked about units last.
    pub about_units: Option<Revision>,
}

impl Question {
    fn hear(&mut self, entry: &KeyValue) {
        if entry.key != Key::Survey.to_string() {
            return;
        }
        let Some(record) = readable::<SurveyRecord>(entry) else { return };
        self.asked = Some(entry.modified);
        match record.about {
            About::Machine => {}
            About::Units => self.about_units = Some(entry.modified),
        }
    }
}

impl View for Question {
    fn replace(&mut self, range: Range) {
        *self = Question::default();
        range.entries.iter().for_each(|entry| self.hear(entry));
    }

    fn apply(&mut self, _: Revision, event: Event) {
        match event {
            Event::Put(entry) => self.hear(&entry),
            Event::Deleted(_) => {}
        }
    }
}

impl Registry {
    /// Asks every machine how it is; answers name the revision that this returns, or a later one.
    pub async fn ask_machines(&self, about: About) -> Result<Revision, StoreError> {
        let record = SurveyRecord { about };
        let key = Key::Survey.to_string();
        let asked = self.always(vec![Op::Put { key, value: encode(&record), lease: None }]).await?;
        Ok(asked.revision)
    }

    /// A mirror of the last question.
    pub fn question(&self) -> Mirror<Question> {
        self.mirror(Key::Survey.to_string())
    }

    /// Answers, under the machine's session.
    pub async fn answer(
        &self,
        machine: &MachineId,
        lease: LeaseId,
        figures: &FiguresRecord,
    ) -> Result<(), StoreError> {
        let key = Key::Figures(machine.clone()).to_string();
        let put = Op::Put { key, value: encode(figures), lease: Some(lease) };
        self.always(vec![put]).await.map(drop)
    }
}
