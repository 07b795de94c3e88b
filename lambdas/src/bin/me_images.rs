//! `GET /me/images`

use yourplace::{aws, config::required, http, http::auth::Auth, index::Dictionaries, routes::me_images::MeImages};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let dictionaries = Dictionaries::new(aws::s3(&aws), required("BUCKET")?);
        Ok(MeImages { auth: Auth::from_env()?, dictionaries })
    })
    .await
}
