//! `POST /unzip`

use yourplace::{
    archive::Limits,
    aws,
    config::Uploads,
    handlers::http::unzip::Unzip,
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
        let (limit, limits) = (Uploads::from_env()?, Limits::from_env()?);
        let (auth, quota) = (Auth::from_env()?, Quota::from_env()?);
        Ok(Unzip { auth, photos, uploads, quota, limit, limits })
    })
    .await
}
