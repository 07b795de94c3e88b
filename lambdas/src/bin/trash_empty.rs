//! `DELETE /trash`

use yourplace::{aws, handlers::http::trash_empty::TrashEmpty, photos::Trash, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        Ok(TrashEmpty { auth: Auth::from_env()?, trash: Trash::from_env(&config)? })
    })
    .await
}
