//! The queue `repair`

use yourplace::{
    aws,
    handlers::{queue::repair::RepairPhotos, worker},
    repair::Repair,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve_queue(|| Ok(RepairPhotos { repair: Repair::from_env(&aws::sdk_config()?)? })).await
}
