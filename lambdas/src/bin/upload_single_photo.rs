//! `POST /upload_single_photo`

use yourplace::{
    aws,
    config::{Uploads, required},
    handlers::http::upload_single_photo::UploadSinglePhoto,
    photos::PhotoStore,
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let photos = PhotoStore::new(aws::objects(&aws::sdk_config()?)?);
        let (uploads, api_url) = (Uploads::from_env()?, required("API_URL")?);
        Ok(UploadSinglePhoto { auth: Auth::from_env()?, photos, uploads, api_url })
    })
    .await
}
