//! What is measured. `scripts/bench` writes it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use layer_jwt::testing::{SigningKey, id_claims, with};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::failure::Failure;

/// All of it.
#[derive(Deserialize)]
pub(crate) struct Plan {
    /// Where the cloud is to be: the contenders' environments name it.
    pub(crate) port: u16,
    latency_ms: u64,
    issuer: String,
    client: String,
    /// A folder for what the functions log.
    pub(crate) logs: PathBuf,
    pub(crate) contenders: BTreeMap<String, Contender>,
    pub(crate) experiments: Vec<Experiment>,
}

/// A program that serves events.
#[derive(Deserialize)]
pub(crate) struct Contender {
    /// With its arguments.
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    /// MB.
    pub(crate) memory: u32,
    /// The program of an extension that runs beside it.
    pub(crate) extension: Option<String>,
}

/// Contenders that are measured in turns, so that whatever else the machine does hits them alike.
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
    /// A new process each time, up to its first answer.
    Start,
    /// One process, which has had one unit of work before the first that is measured.
    Warm,
}

/// A unit of work for a contender.
#[derive(Deserialize)]
pub(crate) struct Work {
    /// What it is called in the results.
    pub(crate) label: String,
    pub(crate) contender: String,
    /// Files, each with an event, which are served one after the other. `{{token}}` in them becomes a token. None: a
    /// start is measured up to readiness.
    pub(crate) events: Vec<PathBuf>,
    /// How many photos the user's folder has.
    #[serde(default)]
    pub(crate) photos: usize,
}

impl Plan {
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read(path).map_err(|error| Failure::File { path: path.to_owned(), error })?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(crate) fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// A token of the pool that the functions trust.
    pub(crate) fn token(&self, key: &SigningKey) -> String {
        let claims = with(id_claims("ann"), "iss", json!(self.issuer));
        key.token(&with(claims, "aud", json!(self.client)))
    }
}
