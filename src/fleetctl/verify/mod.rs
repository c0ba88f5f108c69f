//! What `verify` is made of: gathering what is to be looked at, repairing it, showing what is found.
//!
//! What is wrong in a unit file is the business of [`model::lint`](crate::model::lint).

pub mod fix;
pub mod gather;
pub mod peers;
pub mod show;
