//! `DELETE /jobs/{id}`

use http::StatusCode;

use crate::{
    jobs::{JobQueue, JobView, Jobs},
    openapi::{Access, Operation},
    web::{Problem, Request, Response, Route, auth::Auth, json, path::job_id, problem::Kind},
};

/// Cancels a job.
pub struct JobsCancel {
    pub auth: Auth,
    pub jobs: Jobs,
    pub queue: JobQueue,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("DELETE /jobs/{id}", "cancelJob", "Jobs", Access::Token, "Cancel a job")
            .id("The job's id")
            .json::<JobView>(202, "The job, which ends soon. What is stored stays stored")
            .problems(&[Kind::NO_SUCH_JOB, Kind::JOB_ENDED]),
    ]
}

impl Route for JobsCancel {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let job = self.jobs.cancel(user.key(), job_id(&request)?, &self.queue).await?;
        json(StatusCode::ACCEPTED, &job)
    }
}
