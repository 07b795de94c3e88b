//! `GET /uploads`

use yourplace::{aws, handlers::http::uploads_list::UploadsList, uploads::Uploads, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let uploads = Uploads::from_env(&aws::sdk_config()?)?;
        Ok(UploadsList { auth: Auth::from_env()?, uploads })
    })
    .await
}
