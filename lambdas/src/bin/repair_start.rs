//! Once a week, and by hand

use yourplace::{
    aws,
    handlers::{schedule::repair_start::RepairStart, worker},
    repair::Starter,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve(|| Ok(RepairStart { starter: Starter::from_env(&aws::sdk_config()?)? })).await
}
