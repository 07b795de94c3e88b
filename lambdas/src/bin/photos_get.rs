//! `GET /photos/{filename}`

use yourplace::{aws, handlers::http::photos_get::PhotosGet, photos::Library, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| Ok(PhotosGet { auth: Auth::from_env()?, library: Library::from_env(&aws::sdk_config()?)? })).await
}
