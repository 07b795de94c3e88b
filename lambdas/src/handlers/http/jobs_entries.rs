//! `GET /jobs/{id}/entries`

use http::StatusCode;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::{
    jobs::{EntryPage, Jobs, Outcome},
    openapi::{Access, Operation},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Detail, Limit, Member},
        path::job_id,
        problem::Kind,
    },
};

const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 1_000;

/// Shows the outcomes of an archive's entries.
pub struct JobsEntries {
    pub auth: Auth,
    pub jobs: Jobs,
}

crate::members! {
    struct Parameters {
        /// Only entries with this outcome.
        outcome: Option<Outcome>,
        limit: Limit<DEFAULT_LIMIT, MAX_LIMIT>,
        /// The `cursor` of the previous page.
        cursor: Option<String>,
    }
}

impl Member for Outcome {
    fn from_json(value: Value) -> Result<Self, Detail> {
        match value.as_str() {
            Some("stored") => Ok(Self::Stored),
            Some("skipped") => Ok(Self::Skipped),
            Some("failed") => Ok(Self::Failed),
            _ => Err("must be stored, skipped or failed".into()),
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": ["stored", "skipped", "failed"]})
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /jobs/{id}/entries", "jobEntries", "Jobs", Access::Token, "List the outcomes of entries")
            .id("The job's id")
            .query::<Parameters>(true)
            .json::<EntryPage>(200, "A page of entries, in the archive's order")
            .problems(&[Kind::NO_SUCH_JOB]),
    ]
}

impl Route for JobsEntries {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let id = job_id(&request)?;
        let Parameters { outcome, limit, cursor } = members::read_query(&request)?;
        let page = self.jobs.entries(user.key(), id, outcome, limit.get().into(), cursor.as_deref()).await?;
        json(StatusCode::OK, &page)
    }
}
