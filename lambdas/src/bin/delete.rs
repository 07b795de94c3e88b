//! `POST /delete`

use yourplace::{aws, config::required, http, http::auth::Auth, photos::PhotoStore, routes::delete::Delete};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let photos = PhotoStore::new(aws::s3(&aws), required("BUCKET")?);
        Ok(Delete { auth: Auth::from_env()?, photos })
    })
    .await
}
