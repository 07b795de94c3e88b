//! The queue `purge`

use yourplace::{
    aws,
    handlers::{queue::purge::Purge, worker},
    photos::{Deletion, Library, PhotoStore, TrashQueue},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve_queue(|| {
        let config = aws::sdk_config()?;
        let (photos, library) = (PhotoStore::new(aws::objects(&config)?), Library::from_env(&config)?);
        Ok(Purge { deletion: Deletion { photos, library }, queue: TrashQueue::from_env(&config)? })
    })
    .await
}
