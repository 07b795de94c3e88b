//! `POST /uploads`

use yourplace::{
    aws, config::required, handlers::http::uploads_create::UploadsCreate, uploads::Uploads, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let uploads = Uploads::from_env(&aws::sdk_config()?)?;
        Ok(UploadsCreate { auth: Auth::from_env()?, uploads, api_url: required("API_URL")? })
    })
    .await
}
