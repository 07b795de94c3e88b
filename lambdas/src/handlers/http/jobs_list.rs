//! `GET /jobs`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    jobs::{JobView, Jobs},
    openapi::{Access, Operation},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Limit},
    },
};

const DEFAULT_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 100;

/// Lists the caller's jobs.
pub struct JobsList {
    pub auth: Auth,
    pub jobs: Jobs,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "JobPage")]
struct Listed {
    jobs: Vec<JobView>,
    /// Send this to get the next page; null on the last page.
    cursor: Option<Uuid>,
}

crate::members! {
    struct Parameters {
        limit: Limit<DEFAULT_LIMIT, MAX_LIMIT>,
        /// The `cursor` of the previous page.
        cursor: Option<String>,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /jobs", "jobs", "Jobs", Access::Token, "List the caller's jobs, newest first")
            .query::<Parameters>(true)
            .json::<Listed>(200, "A page of jobs"),
    ]
}

impl Route for JobsList {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let Parameters { limit, cursor } = members::read_query(&request)?;
        // The id of the last job on a page. A forged one only reaches another place in the caller's own list.
        let after = cursor.map(|cursor| Uuid::try_parse(&cursor)).transpose().map_err(|_| {
            Problem::bad_request("This `cursor` is not from GET /jobs. Leave it out to start from the first page.")
        })?;
        let (jobs, has_more) = self.jobs.list(user.key(), limit.get().into(), after).await?;
        let cursor = jobs.last().filter(|_| has_more).map(|job| job.id);
        json(StatusCode::OK, &Listed { jobs, cursor })
    }
}
