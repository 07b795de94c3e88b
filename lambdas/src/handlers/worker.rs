//! Functions that a queue or a schedule starts, rather than a request.

use std::{
    fmt::Display,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
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

/// Consumes the messages of a queue, one after the other. Its fields are all that it may use.
pub trait Consumer: Send + Sync + 'static {
    /// What a message asks for.
    type Task: Send;

    /// How long before the end of the process the last message begins.
    const MARGIN: Duration;

    /// Reads a message; `None` if it is not one of this queue.
    fn read(&self, message: &SqsMessage) -> Option<Self::Task>;

    /// Does what a message asks for. `until` is [`Consumer::MARGIN`] before the end of the process. After an error, SQS
    /// delivers the message again.
    fn consume(&self, task: Self::Task, until: Instant) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Serves the consumer of a queue as [`serve`] does.
///
/// # Errors
/// As those of [`serve`].
pub async fn serve_queue<C: Consumer>(make: impl FnOnce() -> Result<C, ConfigError>) -> Result<(), Error> {
    serve(|| make().map(OneByOne)).await
}

/// Hands the messages of a batch to a consumer.
struct OneByOne<C>(C);

impl<C: Consumer> Worker for OneByOne<C> {
    type Event = SqsEvent;
    type Response = SqsBatchResponse;

    async fn handle(&self, event: SqsEvent, deadline: Instant) -> Result<SqsBatchResponse, Error> {
        let until = latest_start(deadline, C::MARGIN);
        let mut batch = Batch::default();
        for message in &event.records {
            let id = message.message_id.as_deref().unwrap_or_default();
            if Instant::now() >= until {
                batch.retry(id, "no time left");
            } else if let Some(task) = self.0.read(message) {
                // In a box, because the compiler refuses a future that is nested this deeply.
                if let Err(error) = Box::pin(self.0.consume(task, until)).await {
                    batch.retry(id, Chain(error.as_ref()));
                }
            } else {
                batch.retry(id, "not a message of this queue");
            }
        }
        Ok(batch.into_response())
    }
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
