//! `POST /login/refresh`

use yourplace::{aws, handlers::http::login_refresh::LoginRefresh, users::UserPool, web};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(LoginRefresh { pool })
    })
    .await
}
