//! What is told, and in which form: sentences, tables, documents, lists that are shown again. Printing
//! it is [`ui`](super::ui)'s.

pub mod chronicle;
pub mod human;
pub mod list;
pub mod output;
pub mod table;
pub mod tell;
pub mod watch;
