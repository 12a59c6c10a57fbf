//! What stands in for `otlp` where Doorward is built without the feature `otel`: it
//! sends nothing, and says so.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Environment, Tracing};
use crate::diag::{Code, Diagnostic, Report};
use crate::telemetry::Spans;

/// There is none.
pub(super) type Plan = Infallible;

/// Nothing is sent.
pub(super) struct Exporting;

/// Refuses what can't be done.
pub(super) fn prepare(tracing: &Tracing, _: &Path, _: Environment<'_>, report: &mut Report) -> Option<Plan> {
    report.push(
        Diagnostic::at(Code::NotYet, tracing.span, "`tracing` is not in this build of Doorward")
            .label("not supported")
            .help("build it with the cargo feature `otel`, which is on by default, or remove the key"),
    );
    None
}

/// Starts nothing.
pub(super) fn start(_: Option<Plan>, _: Option<&Arc<Spans>>) -> Exporting {
    Exporting
}

impl Exporting {
    /// Never.
    pub(super) async fn ended(&mut self) -> String {
        std::future::pending().await
    }

    /// At once.
    pub(super) async fn flush(self, _: Duration) {}
}
