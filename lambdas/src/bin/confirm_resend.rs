//! `POST /confirm/resend`

use yourplace::{aws, handlers::http::confirm_resend::ConfirmResend, users::UserPool, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(ConfirmResend { pool })
    })
    .await
}
