//! `POST /unzip`

use yourplace::{
    archive::Limits,
    aws,
    config::{Uploads, required},
    http,
    http::auth::Auth,
    photos::PhotoStore,
    routes::unzip::Unzip,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let photos = PhotoStore::new(aws::s3(&aws), required("BUCKET")?);
        let limits = Limits::from_env()?;
        Ok(Unzip { auth: Auth::from_env()?, photos, uploads: Uploads::from_env()?, limits })
    })
    .await
}
