//! `POST /uploads/{id}/complete`

use yourplace::{
    aws, handlers::http::uploads_complete::UploadsComplete, jobs::JobQueue, uploads::Uploads, web, web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let config = aws::sdk_config()?;
        let (uploads, queue) = (Uploads::from_env(&config)?, JobQueue::from_env(&config)?);
        Ok(UploadsComplete { auth: Auth::from_env()?, uploads, queue })
    })
    .await
}
