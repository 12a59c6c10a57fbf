//! What a person asks before a change of policy is merged: what it opens, who
//! can, what no test has looked at.
//!
//! Offline: this room reads compiled policies and is never on the path of a
//! request. It prints nothing and knows no transport.

mod logic;
