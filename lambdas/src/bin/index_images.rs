//! The queue `index`: events of the bucket

use yourplace::{
    aws,
    config::required,
    events,
    index::{Dictionaries, Indexer},
    photos::PhotoStore,
    routes::index_images::IndexImages,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    events::serve(|| {
        let (s3, bucket) = (aws::s3(&aws::sdk_config()?), required("BUCKET")?);
        let photos = PhotoStore::new(s3.clone(), bucket.clone());
        Ok(IndexImages { indexer: Indexer::new(photos, Dictionaries::new(s3, bucket.clone())), bucket })
    })
    .await
}
