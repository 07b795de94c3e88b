//! `GET /photos/months`

use yourplace::{aws, handlers::http::photos_months::PhotosMonths, photos::Library, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| Ok(PhotosMonths { auth: Auth::from_env()?, library: Library::from_env(&aws::sdk_config()?)? })).await
}
