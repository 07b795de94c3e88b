//! `DELETE /photos/{filename}`

use yourplace::{
    aws,
    handlers::http::photos_delete::PhotosDelete,
    index::IndexSchedule,
    photos::{Deletion, Library, PhotoStore},
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (photos, library) = (PhotoStore::new(aws::objects(&config)?), Library::from_env(&config)?);
        let schedule = IndexSchedule::from_env(&config)?;
        Ok(PhotosDelete { auth: Auth::from_env()?, deletion: Deletion { photos, library }, schedule })
    })
    .await
}
