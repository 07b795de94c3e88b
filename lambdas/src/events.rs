//! Functions that no request calls but a queue or a schedule.

use std::{sync::Arc, time::SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tracing::Instrument as _;

use crate::config::ConfigError;

/// What a function does with an event. Its fields are all it may use.
pub trait Handler: Send + Sync + 'static {
    /// What comes.
    type Event: DeserializeOwned + Send;
    /// What Lambda is told.
    type Answer: Serialize + Send;

    /// Handles an event. Lambda ends the process at `deadline`. An error makes Lambda try the event again.
    fn handle(
        &self,
        event: Self::Event,
        deadline: SystemTime,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// Serves a handler until Lambda ends the process. A handler that cannot be made, for its configuration is wrong, ends
/// the process at its start, with the reason in the log.
///
/// # Errors
/// What the Lambda runtime fails with, and what `make` does.
pub async fn serve<H: Handler>(make: impl FnOnce() -> Result<H, ConfigError>) -> Result<(), Error> {
    crate::telemetry::init();
    let handler = Arc::new(make().inspect_err(|error| tracing::error!(%error, "cannot start"))?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<H::Event>| {
        let handler = Arc::clone(&handler);
        let deadline = event.context.deadline();
        let span = tracing::info_span!("event", request_id = event.context.request_id);
        async move {
            let answer = handler.handle(event.payload, deadline).await;
            answer.inspect_err(|error| tracing::error!(%error, "failed"))
        }
        .instrument(span)
    }))
    .await
}
