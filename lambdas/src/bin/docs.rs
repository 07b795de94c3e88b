//! `GET /docs`, `GET /docs/{file}` and `GET /openapi.json`

use yourplace::{handlers::http::docs::Docs, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| Ok(Docs)).await
}
