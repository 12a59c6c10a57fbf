//! A request that nobody sent, or that was answered long ago, decided to see what
//! would be: by the engine that decides for proxies, told step by step.
//!
//! This room knows neither who asks nor where the answer is written: no terminal,
//! no socket, no file. It is not on the path of any request.

mod asked;
mod caller;
mod court;
mod told;

pub use asked::Asked;
pub use caller::{claimed, named};
pub use court::{Court, Outcome, Verdict};
pub use told::{Told, Words};
