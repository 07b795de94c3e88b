//! `POST /download` and `GET /download`

use yourplace::{aws, handlers::http::download::Download, photos::PhotoStore, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let photos = PhotoStore::new(aws::objects(&aws::sdk_config()?)?);
        Ok(Download { auth: Auth::from_env()?, photos, presigner: aws::presigner()? })
    })
    .await
}
