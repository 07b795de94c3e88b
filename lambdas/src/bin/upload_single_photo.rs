//! `POST /upload_single_photo`

use yourplace::{
    aws,
    config::{Uploads, required},
    handlers::http::upload_single_photo::UploadSinglePhoto,
    photos::{PhotoStore, Quota},
    uploads::UploadStore,
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (photos, uploads) = (PhotoStore::new(aws::objects(&config)?), UploadStore::from_env(&config)?);
        let (limit, api_url) = (Uploads::from_env()?, required("API_URL")?);
        let (auth, quota) = (Auth::from_env()?, Quota::from_env()?);
        Ok(UploadSinglePhoto { auth, photos, uploads, quota, limit, api_url })
    })
    .await
}
