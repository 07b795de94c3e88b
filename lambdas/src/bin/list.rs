//! `POST /list`

use yourplace::{aws, handlers::http::list::List, photos::Library, web, web::auth::Auth};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let library = Library::from_env(&aws::sdk_config()?)?;
        Ok(List { auth: Auth::from_env()?, library, presigner: aws::presigner()? })
    })
    .await
}
