//! `POST /login/mfa/setup`

use yourplace::{aws, handlers::http::login_mfa_setup::LoginMfaSetup, users::UserPool, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(LoginMfaSetup { pool })
    })
    .await
}
