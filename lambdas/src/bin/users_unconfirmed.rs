//! Once an hour, and by hand

use yourplace::{
    aws,
    handlers::{schedule::users_unconfirmed::UsersUnconfirmed, worker},
    users::UnconfirmedUsers,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    worker::serve(|| Ok(UsersUnconfirmed { users: UnconfirmedUsers::from_env(aws::cognito(&aws::sdk_config()?))? }))
        .await
}
