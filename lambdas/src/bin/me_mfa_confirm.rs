//! `POST /me/mfa/confirm`

use yourplace::{
    aws,
    handlers::http::me_mfa_confirm::MeMfaConfirm,
    users::UserPool,
    web::{self, auth::Auth},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(MeMfaConfirm { auth: Auth::from_env()?, pool })
    })
    .await
}
