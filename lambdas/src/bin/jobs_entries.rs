//! `GET /jobs/{id}/entries`

use yourplace::{aws, handlers::http::jobs_entries::JobsEntries, jobs::Jobs, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| Ok(JobsEntries { auth: Auth::from_env()?, jobs: Jobs::from_env(&aws::sdk_config()?)? })).await
}
