//! How machines are now, for who asks: the question, which every agent hears, and the answers.
//! Nothing is written, and nobody wakes, unless somebody asks.

use std::time::SystemTime;

use super::Registry;
use super::keys::Key;
use super::mirror::{Mirror, View};
use super::records::{FiguresRecord, SurveyRecord, encode};
use super::store::{Event, LeaseId, Op, Range, Revision, StoreError};
use crate::model::MachineId;

/// The last question that was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Question {
    /// The revision that asked it; `None` when nobody ever did.
    pub asked: Option<Revision>,
}

impl View for Question {
    fn replace(&mut self, range: Range) {
        let survey = Key::Survey.to_string();
        let entry = range.entries.iter().find(|entry| entry.key == survey);
        self.asked = entry.map(|entry| entry.modified);
    }

    fn apply(&mut self, _: Revision, event: Event) {
        match event {
            Event::Put(entry) if entry.key == Key::Survey.to_string() => {
                self.asked = Some(entry.modified);
            }
            Event::Put(_) | Event::Deleted(_) => {}
        }
    }
}

impl Registry {
    /// Asks every machine how it is; answers name the revision that this returns, or a later one.
    pub async fn ask_machines(&self) -> Result<Revision, StoreError> {
        let record = SurveyRecord { asked: SystemTime::now().into() };
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
