//! Doorward: the external authorization server for Envoy.
//!
//! Envoy asks about every request (`envoy.service.auth.v3.Authorization/Check`);
//! Doorward verifies the JWT, finds the route in the policy, compares what the
//! route requires with what the caller has, and answers allow or deny. It
//! never proxies.
//!
//! # Layout
//!
//! Rooms in floor order; a room imports only from the floors below it.
//!
//! | floor | room | holds |
//! |---|---|---|
//! | 0 | [`diag`] | what we tell a person, and where in which file |
//! | 1 | [`words`] | words that several rooms read alike: reasons, statuses, hosts |
//! | 1 | [`yaml`] | YAML text into a tree that knows its places |
//! | 2 | [`policy`] | the words of the domain, and policy files into them |
//! | 2 | [`config`] | `doorward.yaml`: how this process runs and whom it trusts |
//! | 2 | [`proxy`] | a configuration of Envoy, and what in it opens a hole |
//! | 3 | [`compile`] | policy into index: integers, bit sets, tries |
//! | 4 | [`engine`] | index and request to decision, and why |
//! | 4 | `api` | a description of an API, and how a policy goes with it |
//! | 5 | [`identity`] | token to caller |
//! | 5 | [`denial`] | what a denied caller is told |
//! | 5 | `telemetry` | what operators are told: metrics, records of decisions |
//! | 6 | `gate` | one request in, one complete answer out |
//! | 6 | [`trial`] | a request that nobody sent, decided to see what would be |
//! | 7 | `envoy` | Envoy's words, and nobody else's |
//! | 7 | `forward` | HTTP mode: the words of proxies that ask by HTTP |
//! | 7 | [`review`] | what a person asks before a change of policy is merged |
//! | 8 | `server` | sockets, tasks, signals, logs |
//! | 9 | `cli` | arguments and exit codes |
//!
//! Without the feature `server` `api`, `telemetry`, `gate` and floors 7 to 9 are left out: what remains has
//! no runtime and no transport.
//!
//! # Invariants
//!
//! - The engine is a pure function: the same index, request and caller give
//!   the same decision, for ever.
//! - An index exists only if every file was read and compiled without an
//!   error. There is no partial policy.
//! - A request sees exactly one snapshot from first byte to last.
//! - A refusal is the default of every step: only a walk to the end allows.
//! - Findings are values until `cli` or `server` prints them.

pub mod diag;
pub mod words;
pub mod yaml;
pub mod policy;
pub mod config;
pub mod proxy;
pub mod compile;
pub mod engine;
#[cfg(feature = "server")]
pub mod api;
pub mod identity;
pub mod denial;
#[cfg(feature = "server")]
pub mod telemetry;
pub mod trial;
#[cfg(feature = "server")]
pub mod gate;
#[cfg(feature = "server")]
pub mod envoy;
#[cfg(feature = "server")]
pub(crate) mod forward;
pub mod review;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod cli;
