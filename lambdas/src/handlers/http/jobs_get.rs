//! `GET /jobs/{id}`

use http::{HeaderValue, StatusCode, header};

use crate::{
    jobs::{JobState, JobView, Jobs},
    openapi::{Access, Operation},
    web::{Problem, Request, Response, Route, auth::Auth, json, path::job_id, problem::Kind},
};

/// Seconds after which a running job is worth another look.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Shows a job.
pub struct JobsGet {
    pub auth: Auth,
    pub jobs: Jobs,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /jobs/{id}", "job", "Jobs", Access::Token, "Show a job")
            .id("The job's id")
            .json::<JobView>(200, "The job. While it runs, `Retry-After` says when to look again")
            .response_header(200, "Retry-After", false)
            .problems(&[Kind::NO_SUCH_JOB]),
    ]
}

impl Route for JobsGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let job = self.jobs.get(user.key(), job_id(&request)?).await?;
        let mut response = json(StatusCode::OK, &job)?;
        if job.state == JobState::Running {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
        }
        Ok(response)
    }
}
