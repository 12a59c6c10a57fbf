//! What is answered on the port for Envoy: checks, health, reflection.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service as _;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::standing::Standing;
use crate::config::Limits;
use crate::envoy;
use crate::gate::Gate;

/// Health and reflection requests hold one name.
const MAX_ASIDE_BYTES: usize = 16 * 1024;

/// A request that takes this long to arrive never will.
const REQUEST: Duration = Duration::from_secs(10);

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
) -> Result<
    (
        Health,
        impl Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static,
    ),
    String,
> {
    let (reporter, health_service) = tonic_health::server::health_reporter();
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(envoy::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let fail = |error| format!("can't start reflection: {error}");
    let routes = Routes::new(envoy::service(gate, limits.check_size))
        .add_service(health_service.max_decoding_message_size(MAX_ASIDE_BYTES))
        .add_service(reflection().build_v1().map_err(fail)?.max_decoding_message_size(MAX_ASIDE_BYTES))
        .add_service(reflection().build_v1alpha().map_err(fail)?.max_decoding_message_size(MAX_ASIDE_BYTES))
        .prepare();
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = routes.clone().call(request);
        async {
            let late = |_| Ok(Status::deadline_exceeded("the request did not arrive in time").into_http());
            tokio::time::timeout(REQUEST, answer).await.unwrap_or_else(late)
        }
    });
    Ok((Health { reporter, standing }, service))
}
