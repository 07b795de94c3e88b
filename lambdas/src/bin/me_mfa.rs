//! `POST /me/mfa` and `DELETE /me/mfa`

use yourplace::{
    aws, config,
    handlers::http::me_mfa::MeMfa,
    users::UserPool,
    web::{self, auth::Auth},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let pool = UserPool::from_env(&aws::sdk_config()?)?;
        Ok(MeMfa { auth: Auth::from_env()?, pool, mandatory: config::is_mfa_required()? })
    })
    .await
}
