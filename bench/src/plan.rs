//! The plan: what to measure. `scripts/bench` writes it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use layer_jwt::testing::{SigningKey, id_claims, with};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{cloud::USER, failure::Failure};

/// The whole plan file.
#[derive(Deserialize)]
pub(crate) struct Plan {
    /// Port of the stand-in for the cloud. The contenders' environment variables contain it.
    pub(crate) port: u16,
    latency_ms: u64,
    issuer: String,
    client: String,
    /// Folder for the functions' logs.
    pub(crate) logs: PathBuf,
    pub(crate) contenders: BTreeMap<String, Contender>,
    pub(crate) experiments: Vec<Experiment>,
}

/// A program that serves events.
#[derive(Deserialize)]
pub(crate) struct Contender {
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    /// Configured memory in MB.
    pub(crate) memory: u32,
    /// Program of the extension that runs beside it, if any.
    pub(crate) extension: Option<String>,
}

/// Contenders that are measured in turns, so that other load on the machine affects all of them alike.
#[derive(Deserialize)]
pub(crate) struct Experiment {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) repetitions: usize,
    pub(crate) works: Vec<Work>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A new process per repetition, measured up to its first response.
    Start,
    /// One process for all repetitions. It does one unit of work before the first measured one.
    Warm,
    /// The messages of a job, which several processes work on until there are none left.
    Job,
}

/// A unit of work for a contender.
#[derive(Deserialize)]
pub(crate) struct Work {
    /// Its name in the results.
    pub(crate) label: String,
    pub(crate) contender: String,
    /// Event files, sent one after the other. `{{token}}` in them is replaced by a token. If there are none, a start is
    /// measured until the function is ready.
    pub(crate) events: Vec<PathBuf>,
    /// Number of photos in the user's folder.
    #[serde(default)]
    pub(crate) photos: usize,
    /// Items of the table `library`, in DynamoDB's JSON, that differ from the generated ones or are additional.
    #[serde(default)]
    pub(crate) items: Vec<Value>,
    /// Range keys of generated items that are not in the table.
    #[serde(default)]
    pub(crate) removed: Vec<String>,
    /// Keys without objects in S3, where all others have one.
    #[serde(default)]
    pub(crate) absent: Vec<String>,
    /// The documents of jobs that are in S3 already, by key.
    #[serde(default)]
    pub(crate) documents: BTreeMap<String, Value>,
    /// Only for [`Kind::Job`].
    #[serde(default)]
    pub(crate) job: Option<Job>,
}

/// A job that unpacks an archive, or exports the user's photos.
#[derive(Clone, Deserialize)]
pub(crate) struct Job {
    /// The range key of its item in the table.
    pub(crate) item: String,
    /// Its first message. `{{message}}` in the event is replaced by a message, as a JSON string.
    pub(crate) message: String,
    /// The archive that it unpacks.
    pub(crate) archive: Option<ArchiveSize>,
    /// The number of processes.
    pub(crate) workers: usize,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct ArchiveSize {
    pub(crate) entries: u64,
    /// The size of each entry, which is not compressed.
    pub(crate) entry_bytes: u32,
}

impl Plan {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read(path).map_err(|error| Failure::File { path: path.to_owned(), error })?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// A token of the user pool, which the functions trust.
    pub(crate) fn token(&self, key: &SigningKey) -> String {
        let claims = with(id_claims("ann"), "sub", json!(USER));
        let claims = with(claims, "iss", json!(self.issuer));
        key.token(&with(claims, "aud", json!(self.client)))
    }
}
