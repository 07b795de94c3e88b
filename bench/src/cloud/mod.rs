//! A stand-in for the AWS services that the functions call: S3, Cognito (with the pool's keys), DynamoDB, SQS and SES.
//!
//! Every call takes a fixed time and is recorded. The user's photos are generated, and what a unit of work changes is
//! kept until the next one begins. Errors of the services are covered by the tests, not here: a request that DynamoDB
//! would refuse ends the measurement.

mod answers;
mod archive;
mod dynamodb;
mod expression;
mod photos;
mod s3;
mod table;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use hyper::{Method, Request, StatusCode, body::Incoming, header::HeaderValue};
use layer_jwt::testing::SigningKey;
use serde_json::{Value, json};

pub(crate) use self::photos::USER;
use self::{dynamodb::Units, photos::Photos, s3::Bucket, table::Table};
use crate::{
    failure::Failure,
    plan::Work,
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
    world: Mutex<World>,
    calls: Mutex<Vec<Call>>,
}

/// What the services store.
#[derive(Default)]
struct World {
    library: Table,
    bucket: Bucket,
    /// The messages in the queue `jobs`.
    messages: Vec<String>,
}

struct Call {
    operation: String,
    from: Instant,
    to: Instant,
    /// Size of the request body.
    sent: usize,
    /// How much of the response body was transmitted.
    received: Arc<AtomicUsize>,
    units: Units,
    /// What DynamoDB refused.
    refused: Option<String>,
}

/// A summary of the calls in some period.
#[derive(Default)]
pub(crate) struct Calls {
    /// Number of calls, by operation.
    pub(crate) counts: BTreeMap<String, usize>,
    /// Bytes sent to the cloud.
    pub(crate) sent: usize,
    /// Bytes received from the cloud.
    pub(crate) received: usize,
    /// Half of DynamoDB's read units.
    pub(crate) half_reads: usize,
    /// DynamoDB's write units.
    pub(crate) writes: usize,
    /// How long at least one call was in flight.
    pub(crate) busy: Duration,
    /// What DynamoDB refused.
    pub(crate) refused: Option<String>,
}

impl Cloud {
    /// Starts a cloud on `port`. Its user pool publishes `key` and returns `token` on every log-in.
    pub(crate) async fn start(port: u16, latency: Duration, key: &SigningKey, token: String) -> Result<Self, Failure> {
        let keys = json!({"keys": [key.jwk()]}).to_string();
        let state = Arc::new(State { latency, keys, token, world: Mutex::default(), calls: Mutex::default() });
        let server = Server::start(port, Front(Arc::clone(&state))).await?;
        Ok(Self { state, _server: server })
    }

    /// Sets up what a unit of work finds.
    pub(crate) fn prepare(&self, work: &Work) -> Result<(), Failure> {
        let photos = Photos { count: work.photos };
        let mut world = locked(&self.state.world);
        world.library = Table::new(photos);
        for key in &work.removed {
            world.library.set(key, None);
        }
        for item in &work.items {
            let item = item.as_object().cloned().unwrap_or_default();
            let key =
                Table::range_key(&Value::Object(item.clone())).map_err(|error| Failure::Plan(error.to_string()))?;
            world.library.set(&key, Some(item));
        }
        let archive = work.job.as_ref().and_then(|job| job.archive);
        let documents = work.documents.iter().map(|(key, document)| (key.clone(), document.to_string().into()));
        world.bucket.reset(photos, &work.absent, archive, documents.collect());
        world.messages.clear();
        Ok(())
    }

    /// Returns the messages that were sent to the queue `jobs` since the last time this was called.
    pub(crate) fn take_messages(&self) -> Vec<String> {
        std::mem::take(&mut locked(&self.state.world).messages)
    }

    /// The text or number in an attribute of an item of the table `library`.
    pub(crate) fn attribute(&self, item: &str, name: &str) -> Option<String> {
        let item = locked(&self.state.world).library.get(item)?;
        let value = item.get(name)?;
        Some(value.get("S").or_else(|| value.get("N"))?.as_str()?.to_owned())
    }

    /// Returns the calls since the last time this was called.
    pub(crate) fn take_calls(&self) -> Calls {
        let mut calls = std::mem::take(&mut *locked(&self.state.calls));
        calls.sort_by_key(|call| call.from);
        let mut taken = Calls::default();
        let mut busy_until = None;
        for call in calls {
            *taken.counts.entry(call.operation).or_default() += 1;
            taken.sent += call.sent;
            taken.received += call.received.load(Ordering::Relaxed);
            taken.half_reads += call.units.half_reads;
            taken.writes += call.units.writes;
            taken.refused = taken.refused.or(call.refused);
            let from = busy_until.map_or(call.from, |until: Instant| until.max(call.from));
            taken.busy += call.to.saturating_duration_since(from);
            busy_until = Some(busy_until.map_or(call.to, |until| until.max(call.to)));
        }
        taken
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Front(Arc<State>);

/// A call whose time is not known yet.
struct Served {
    operation: String,
    sent: usize,
    answer: Answer,
    units: Units,
    refused: Option<String>,
}

impl Service for Front {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let from = Instant::now();
        let Served { operation, sent, answer, units, refused } = self.serve(request).await;
        tokio::time::sleep(self.0.latency.saturating_sub(from.elapsed())).await;
        let received = answer.body().transmitted();
        let call = Call { operation, from, to: Instant::now(), sent, received, units, refused };
        locked(&self.0.calls).push(call);
        answer
    }
}

impl Front {
    async fn serve(&self, request: Request<Incoming>) -> Served {
        let served = |operation: String, sent, answer| {
            let (units, refused) = (Units::default(), None);
            Served { operation, sent, answer, units, refused }
        };
        if request.uri().path().ends_with("/.well-known/jwks.json") {
            return served("Cognito keys".to_owned(), 0, answer(StatusCode::OK, self.0.keys.clone()));
        }
        if let Some(target) = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()) {
            let operation = operation(target);
            let sent = body(request).await;
            if operation == "SQS SendMessageBatch" {
                locked(&self.0.world).messages.extend(job_messages(&sent));
            }
            let Some(action) = operation.strip_prefix("DynamoDB ") else {
                let found = json_answer(StatusCode::OK, &answers::json(&operation, &self.0.token));
                return served(operation, sent.len(), found);
            };
            let sent_json = serde_json::from_slice(&sent).unwrap_or_default();
            let outcome = dynamodb::perform(action, &sent_json, &mut locked(&self.0.world).library);
            let refused = (outcome.status != StatusCode::OK).then(|| format!("{operation}: {}", outcome.body));
            let found = json_answer(outcome.status, &outcome.body);
            return Served { units: outcome.units, refused, ..served(operation, sent.len(), found) };
        }
        if request.method() == Method::POST && request.uri().path() == "/" {
            let sent = body(request).await;
            return served("SES SendEmail".to_owned(), sent.len(), answers::sent_mail());
        }
        let what = s3::Operation::of(&request);
        if what.name == "PutObject" && what.is_document() {
            let sent = body(request).await;
            let length = sent.len();
            let found = locked(&self.0.world).bucket.put_document(&what, sent);
            return served("S3 PutObject".to_owned(), length, found);
        }
        // Photos are discarded, so that the harness needs little time and no memory for them.
        let sent = discard(request).await;
        let found = locked(&self.0.world).bucket.answer(&what);
        served(format!("S3 {}", what.name), sent, found)
    }
}

/// The messages of a batch for the queue `jobs`.
fn job_messages(batch: &[u8]) -> Vec<String> {
    let batch: Value = serde_json::from_slice(batch).unwrap_or_default();
    let is_of_jobs = batch.get("QueueUrl").and_then(Value::as_str).is_some_and(|url| url.contains("jobs"));
    let entries = batch.get("Entries").and_then(Value::as_array).filter(|_| is_of_jobs).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.get("MessageBody")?.as_str()?.to_owned())).collect()
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let mut answer = answer(status, body.to_string());
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert("x-amzn-requestid", HeaderValue::from_static("b25f48e8-84fd-11e6-80d9-574e0c4664cb"));
    answer
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
