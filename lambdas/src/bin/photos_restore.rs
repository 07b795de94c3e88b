//! `POST /photos/{filename}/restore`

use yourplace::{
    aws, handlers::http::photos_restore::PhotosRestore, index::IndexSchedule, photos::Library, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (library, schedule) = (Library::from_env(&config)?, IndexSchedule::from_env(&config)?);
        Ok(PhotosRestore { auth: Auth::from_env()?, library, presigner: aws::presigner()?, schedule })
    })
    .await
}
