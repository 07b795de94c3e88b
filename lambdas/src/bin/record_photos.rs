//! The queue `photos`: events of the bucket

use yourplace::{
    aws,
    handlers::{queue::record_photos::RecordPhotos, worker},
    index::IndexSchedule,
    photos::{Library, Reconciler},
    uploads::UploadStore,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve(|| {
        let config = aws::sdk_config()?;
        let objects = aws::objects(&config)?;
        let bucket = objects.bucket().to_owned();
        let (library, uploads) = (Library::from_env(&config)?, UploadStore::from_env(&config)?);
        let reconciler = Reconciler { objects, library, uploads };
        Ok(RecordPhotos { reconciler, schedule: IndexSchedule::from_env(&config)?, bucket })
    })
    .await
}
