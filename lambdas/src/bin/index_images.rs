//! The queue `index`

use yourplace::{
    aws,
    handlers::{queue::index_images::IndexImages, worker},
    index::{IndexSchedule, Indexer, PhotoIndexStore},
    photos::Library,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve_queue(|| {
        let config = aws::sdk_config()?;
        let (library, schedule) = (Library::from_env(&config)?, IndexSchedule::from_env(&config)?);
        let indexes = PhotoIndexStore::new(aws::objects(&config)?);
        Ok(IndexImages { indexer: Indexer { library, indexes, schedule } })
    })
    .await
}
