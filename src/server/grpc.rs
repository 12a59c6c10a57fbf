//! What is answered on the port for Envoy: checks, health, reflection.

use std::sync::Arc;

use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::checks::Asking;
use super::standing::Standing;
use crate::config::Limits;
use crate::envoy::{self, Checks};
use crate::gate::Gate;

/// Health and reflection requests hold one name.
const MAX_ASIDE_BYTES: usize = 16 * 1024;

/// What health says, here and on the admin port.
#[derive(Clone)]
pub(super) struct Health {
    reporter: HealthReporter,
    standing: Arc<Standing>,
}

impl Health {
    /// Checks can't be answered well yet.
    pub(super) async fn start(&self) {
        self.set(ServingStatus::NotServing).await;
    }

    /// Checks are wanted.
    pub(super) async fn serve(&self) {
        self.standing.serve();
        self.set(ServingStatus::Serving).await;
    }

    /// No more checks are wanted, and never will be.
    pub(super) async fn stop(&self) {
        self.standing.stop();
        self.set(ServingStatus::NotServing).await;
    }

    async fn set(&self, status: ServingStatus) {
        for name in ["", envoy::SERVICE_NAME] {
            self.reporter.set_service_status(name, status).await;
        }
    }
}

/// All services.
pub(super) fn services(
    gate: Arc<Gate>,
    limits: &Limits,
    standing: Arc<Standing>,
) -> Result<(Health, Asking), String> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(envoy::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let fail = |error| format!("can't start reflection: {error}");
    let aside = Routes::new(health_service.max_decoding_message_size(MAX_ASIDE_BYTES))
        .add_service(reflection().build_v1().map_err(fail)?.max_decoding_message_size(MAX_ASIDE_BYTES))
        .add_service(reflection().build_v1alpha().map_err(fail)?.max_decoding_message_size(MAX_ASIDE_BYTES))
        .prepare();
    Ok((Health { reporter, standing }, Asking::new(Checks::new(gate), limits.check_size, aside)))
}
