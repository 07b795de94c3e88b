//! `DELETE /jobs/{id}`

use yourplace::{
    aws,
    handlers::http::jobs_cancel::JobsCancel,
    jobs::{JobQueue, Jobs},
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (jobs, queue) = (Jobs::from_env(&config)?, JobQueue::from_env(&config)?);
        Ok(JobsCancel { auth: Auth::from_env()?, jobs, queue })
    })
    .await
}
