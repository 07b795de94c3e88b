//! `GET /uploads/{id}`

use yourplace::{aws, handlers::http::uploads_get::UploadsGet, uploads::Uploads, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let uploads = Uploads::from_env(&aws::sdk_config()?)?;
        Ok(UploadsGet { auth: Auth::from_env()?, uploads })
    })
    .await
}
