//! `GET /me/images`

use yourplace::{aws, handlers::http::me_images::MeImages, index::PhotoIndexStore, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let dictionaries = PhotoIndexStore::new(aws::objects(&aws::sdk_config()?)?);
        Ok(MeImages { auth: Auth::from_env()?, dictionaries, presigner: aws::presigner()? })
    })
    .await
}
