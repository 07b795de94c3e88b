//! `POST /login/mfa`

use yourplace::{aws, handlers::http::login_mfa::LoginMfa, users::UserPool, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(LoginMfa { pool })
    })
    .await
}
