//! `POST /password/reset`

use yourplace::{aws, handlers::http::password_reset::PasswordReset, users::UserPool, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(PasswordReset { pool })
    })
    .await
}
