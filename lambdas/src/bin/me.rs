//! `GET /me` and `PUT /me`

use yourplace::{
    aws,
    handlers::http::me::Me,
    index::PhotoIndexStore,
    users::{Handles, Records},
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (objects, handles) = (aws::objects(&config)?, Handles::from_env(&config)?);
        let (records, dictionaries) = (Records::new(objects.clone()), PhotoIndexStore::new(objects));
        Ok(Me { auth: Auth::from_env()?, records, handles, dictionaries })
    })
    .await
}
