//! The decision. Pure: no I/O, no clock, no lock, no panic.

mod input;
mod reason;
mod subject;

pub use input::{Headers, Input};
pub use reason::Reason;
pub use subject::Subject;
