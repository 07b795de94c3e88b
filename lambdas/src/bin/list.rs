//! `POST /list`

use yourplace::{aws, config::required, http, http::auth::Auth, photos::PhotoStore, routes::list::List};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let photos = PhotoStore::new(aws::s3(&aws), required("BUCKET")?);
        Ok(List { auth: Auth::from_env()?, photos })
    })
    .await
}
