//! Token to caller.
