//! `POST /download` and `GET /download`

use yourplace::{aws, config::required, http, http::auth::Auth, photos::PhotoStore, routes::download::Download};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let bucket = required("BUCKET")?;
        let presigner = aws::presigner(&bucket)?;
        Ok(Download { auth: Auth::from_env()?, photos: PhotoStore::new(aws::s3(&aws), bucket), presigner })
    })
    .await
}
