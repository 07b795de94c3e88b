//! The queue `jobs`

use yourplace::{
    aws,
    handlers::{queue::run_jobs::RunJobs, worker},
    jobs::Worker,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve_queue(|| Ok(RunJobs { worker: Worker::from_env(&aws::sdk_config()?)? })).await
}
