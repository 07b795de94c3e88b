//! Every hour

use yourplace::{
    aws,
    handlers::{schedule::purge_start::PurgeStart, worker},
    photos::Trash,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve(|| Ok(PurgeStart { trash: Trash::from_env(&aws::sdk_config()?)?, lifetime: Trash::lifetime()? }))
        .await
}
