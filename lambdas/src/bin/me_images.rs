//! `GET /me/images`

use yourplace::{aws, config::required, http, http::auth::Auth, index::Dictionaries, routes::me_images::MeImages};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let bucket = required("BUCKET")?;
        let presigner = aws::presigner(&bucket)?;
        Ok(MeImages { auth: Auth::from_env()?, dictionaries: Dictionaries::new(aws::s3(&aws), bucket), presigner })
    })
    .await
}
