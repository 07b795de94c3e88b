//! Functions that a queue or a schedule starts, rather than a request.

use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::SqsBatchResponse;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{config::ConfigError, telemetry::Chain};

/// Handles events. Its fields are all that it may use.
pub trait Worker: Send + Sync + 'static {
    type Event: DeserializeOwned + Send;
    type Response: Serialize + Send;

    /// Handles one event. Lambda ends the process at `deadline`. After an error, Lambda delivers the event again.
    fn handle(
        &self,
        event: Self::Event,
        deadline: Instant,
    ) -> impl Future<Output = Result<Self::Response, Error>> + Send;
}

/// Serves a worker until Lambda ends the process. Wrong configuration ends the process at its start, with the reason
/// in the log.
///
/// # Errors
/// Errors of the Lambda runtime and of `make`.
pub async fn serve<W: Worker>(make: impl FnOnce() -> Result<W, ConfigError>) -> Result<(), Error> {
    crate::telemetry::init();
    let worker = Arc::new(make().inspect_err(|error| tracing::error!(%error, "cannot start"))?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<W::Event>| {
        let worker = Arc::clone(&worker);
        let deadline = instant(event.context.deadline());
        let span = tracing::info_span!("event", request_id = event.context.request_id);
        async move {
            let response = worker.handle(event.payload, deadline).await;
            response.inspect_err(|error| tracing::error!(error = %Chain(error.as_ref()), "failed"))
        }
        .instrument(span)
    }))
    .await
}

/// A wall-clock time as an [`Instant`], which later changes of the clock do not move.
#[must_use]
pub fn instant(time: SystemTime) -> Instant {
    Instant::now() + time.duration_since(SystemTime::now()).unwrap_or_default()
}

/// The moment `margin` before `deadline`: no work starts after it, so that what has started can finish.
#[must_use]
pub fn latest_start(deadline: Instant, margin: Duration) -> Instant {
    deadline.checked_sub(margin).unwrap_or_else(Instant::now)
}

/// The result of a batch, message by message. A message that failed stays in the queue and is delivered again until
/// the queue's redrive policy moves it to the dead-letter queue ("Implementing partial batch responses", AWS Lambda
/// Developer Guide).
#[derive(Default)]
pub struct Batch {
    response: SqsBatchResponse,
}

impl Batch {
    /// Keeps a message in the queue because of `error`.
    pub fn retry(&mut self, message_id: &str, error: impl Display) {
        tracing::warn!(message_id, %error, "the message stays in the queue");
        self.response.add_failure(message_id);
    }

    #[must_use]
    pub fn into_response(self) -> SqsBatchResponse {
        self.response
    }
}
