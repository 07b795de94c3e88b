//! `GET /me` and `PUT /me`

use yourplace::{
    aws,
    handlers::http::me::Me,
    photos::{Library, Quota},
    storage::table::Table,
    uploads::UploadStore,
    users::{Handles, Records},
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (records, handles) = (Records::new(Table::library(&config)?), Handles::from_env(&config)?);
        let (library, uploads) = (Library::from_env(&config)?, UploadStore::from_env(&config)?);
        let (auth, quota) = (Auth::from_env()?, Quota::from_env()?);
        Ok(Me { auth, records, handles, library, uploads, quota })
    })
    .await
}
