//! `POST /unzip`

use yourplace::{
    archive::Limits, aws, config::Uploads, handlers::http::unzip::Unzip, photos::PhotoStore, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let photos = PhotoStore::new(aws::objects(&aws::sdk_config()?)?);
        let (uploads, limits) = (Uploads::from_env()?, Limits::from_env()?);
        Ok(Unzip { auth: Auth::from_env()?, photos, uploads, limits })
    })
    .await
}
