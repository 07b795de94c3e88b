//! `POST /upload_single_photo`

use yourplace::{
    aws,
    config::{Uploads, required},
    http,
    http::auth::Auth,
    photos::PhotoStore,
    routes::upload_single_photo::UploadSinglePhoto,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let photos = PhotoStore::new(aws::s3(&aws), required("BUCKET")?);
        let api_url = required("API_URL")?;
        Ok(UploadSinglePhoto { auth: Auth::from_env()?, photos, uploads: Uploads::from_env()?, api_url })
    })
    .await
}
