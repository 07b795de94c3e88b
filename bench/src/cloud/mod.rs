//! A stand-in for the AWS services that the functions call: S3, Cognito (with the pool's keys), DynamoDB, SQS and SES.
//!
//! Every call takes a fixed time and is recorded. Nothing is stored, and every requested object exists. Errors of the
//! services are covered by the tests, not here.

mod answers;
mod s3;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Method, Request, StatusCode, body::Incoming};
use layer_jwt::testing::SigningKey;
use serde_json::json;

use crate::{
    failure::Failure,
    server::{Answer, Server, Service, answer, body, discard},
};

/// A running stand-in.
pub(crate) struct Cloud {
    state: Arc<State>,
    _server: Server,
}

struct State {
    latency: Duration,
    keys: String,
    token: String,
    /// Number of photos in the user's folder.
    photos: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

struct Call {
    operation: String,
    from: Instant,
    to: Instant,
    /// Size of the request body.
    bytes: usize,
}

/// A summary of the calls in some period.
#[derive(Default)]
pub(crate) struct Calls {
    /// Number of calls, by operation.
    pub(crate) counts: BTreeMap<String, usize>,
    /// Bytes sent to the cloud.
    pub(crate) bytes: usize,
    /// How long at least one call was in flight.
    pub(crate) busy: Duration,
}

impl Cloud {
    /// Starts a cloud on `port`. Its user pool publishes `key` and returns `token` on every log-in.
    pub(crate) async fn start(port: u16, latency: Duration, key: &SigningKey, token: String) -> Result<Self, Failure> {
        let keys = json!({"keys": [key.jwk()]}).to_string();
        let state = Arc::new(State { latency, keys, token, photos: AtomicUsize::default(), calls: Mutex::default() });
        let server = Server::start(port, Front(Arc::clone(&state))).await?;
        Ok(Self { state, _server: server })
    }

    pub(crate) fn set_photos(&self, count: usize) {
        self.state.photos.store(count, Ordering::Relaxed);
    }

    /// Returns the calls since the last time this was called.
    pub(crate) fn take_calls(&self) -> Calls {
        let mut calls = std::mem::take(&mut *self.state.calls.lock().unwrap_or_else(PoisonError::into_inner));
        calls.sort_by_key(|call| call.from);
        let mut taken = Calls::default();
        let mut busy_until = None;
        for call in calls {
            *taken.counts.entry(call.operation).or_default() += 1;
            taken.bytes += call.bytes;
            let from = busy_until.map_or(call.from, |until: Instant| until.max(call.from));
            taken.busy += call.to.saturating_duration_since(from);
            busy_until = Some(busy_until.map_or(call.to, |until| until.max(call.to)));
        }
        taken
    }
}

#[derive(Clone)]
struct Front(Arc<State>);

impl Service for Front {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let from = Instant::now();
        let (operation, bytes, answer) = self.serve(request).await;
        tokio::time::sleep(self.0.latency.saturating_sub(from.elapsed())).await;
        let call = Call { operation, from, to: Instant::now(), bytes };
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        answer
    }
}

impl Front {
    async fn serve(&self, request: Request<Incoming>) -> (String, usize, Answer) {
        if request.uri().path().ends_with("/.well-known/jwks.json") {
            return ("Cognito keys".to_owned(), 0, answer(StatusCode::OK, self.0.keys.clone()));
        }
        if let Some(target) = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()) {
            let operation = operation(target);
            let sent = body(request).await;
            let found = answers::json(&operation, &sent, &self.0.token);
            return (operation, sent.len(), found);
        }
        if request.method() == Method::POST && request.uri().path() == "/" {
            let sent = body(request).await;
            return ("SES SendEmail".to_owned(), sent.len(), answers::sent_mail());
        }
        let what = s3::Operation::of(&request);
        // Photos are discarded, so that the harness needs little time and no memory for them.
        let bytes = discard(request).await;
        let found = what.answer(self.0.photos.load(Ordering::Relaxed));
        (format!("S3 {}", what.name()), bytes, found)
    }
}

/// Turns an `x-amz-target` such as `DynamoDB_20120810.UpdateItem` into `DynamoDB UpdateItem`.
fn operation(target: &str) -> String {
    let (service, operation) = target.split_once('.').unwrap_or_default();
    let service = match service.split_once('_').map_or(service, |(name, _)| name) {
        "AWSCognitoIdentityProviderService" => "Cognito",
        "AmazonSQS" => "SQS",
        other => other,
    };
    format!("{service} {operation}")
}
