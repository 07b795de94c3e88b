//! Events of the bucket

use yourplace::{
    aws,
    handlers::{queue::index_images::IndexImages, worker},
    index::{Indexer, PhotoIndexStore},
    photos::PhotoStore,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve(|| {
        let objects = aws::objects(&aws::sdk_config()?)?;
        let bucket = objects.bucket().to_owned();
        let indexer = Indexer::new(PhotoStore::new(objects.clone()), PhotoIndexStore::new(objects));
        Ok(IndexImages { indexer, bucket })
    })
    .await
}
