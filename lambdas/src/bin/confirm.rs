//! `POST /confirm`

use yourplace::{aws, config::required, http, routes::confirm::Confirm, users::UserPool};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let pool = UserPool::new(aws::cognito(&aws), required("USER_POOL_CLIENT_ID")?);
        Ok(Confirm { pool })
    })
    .await
}
