//! What the benches of a whole server share: policies of any size, requests as Envoy
//! sends them, and the processes that answer them.

#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod checks;
pub(crate) mod policy;
pub(crate) mod process;
