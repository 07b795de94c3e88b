//! `POST /list`

use yourplace::{aws, handlers::http::list::List, photos::PhotoStore, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let photos = PhotoStore::new(aws::objects(&aws::sdk_config()?)?);
        Ok(List { auth: Auth::from_env()?, photos })
    })
    .await
}
