//! `POST /exports`

use yourplace::{
    aws, config::required, handlers::http::exports_create::ExportsCreate, jobs::Exports, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let exports = Exports::from_env(&aws::sdk_config()?)?;
        Ok(ExportsCreate { auth: Auth::from_env()?, exports, api_url: required("API_URL")? })
    })
    .await
}
