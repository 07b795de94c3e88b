//! `POST /login/mfa/setup`

use yourplace::{aws, config::required, handlers::http::login_mfa_setup::LoginMfaSetup, users::UserPool, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(LoginMfaSetup { pool, pool_id: required("USER_POOL_ID")? })
    })
    .await
}
