//! Units brought up and down: what is named, where its contents come from, and the steps to where
//! the command goes. Carrying them out is [`wait`](super::wait)'s.

pub mod candidates;
pub mod doubts;
pub mod lower;
pub mod old_spellings;
pub mod raise;
pub mod source;
pub mod transition;
