//! `POST /list`

use yourplace::{aws, handlers::http::list::List, photos::Library, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| Ok(List { auth: Auth::from_env()?, library: Library::from_env(&aws::sdk_config()?)? })).await
}
