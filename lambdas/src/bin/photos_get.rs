//! `GET /photos/{filename}`

use yourplace::{aws, handlers::http::photos_get::PhotosGet, photos::Library, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let library = Library::from_env(&aws::sdk_config()?)?;
        Ok(PhotosGet { auth: Auth::from_env()?, library, presigner: aws::presigner()? })
    })
    .await
}
