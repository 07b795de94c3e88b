//! `POST /upload_single_photo`

use yourplace::{
    aws,
    config::{Uploads, required},
    handlers::http::upload_single_photo::UploadSinglePhoto,
    photos::{Library, PhotoStore, Quota},
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (photos, library) = (PhotoStore::new(aws::objects(&config)?), Library::from_env(&config)?);
        let (uploads, api_url) = (Uploads::from_env()?, required("API_URL")?);
        let (auth, quota) = (Auth::from_env()?, Quota::from_env()?);
        Ok(UploadSinglePhoto { auth, photos, library, quota, uploads, api_url })
    })
    .await
}
