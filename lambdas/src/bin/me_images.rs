//! `GET /me/images`

use yourplace::{
    aws, handlers::http::me_images::MeImages, index::PhotoIndexStore, photos::Library, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (library, indexes) = (Library::from_env(&config)?, PhotoIndexStore::new(aws::objects(&config)?));
        Ok(MeImages { auth: Auth::from_env()?, library, indexes, presigner: aws::presigner()? })
    })
    .await
}
