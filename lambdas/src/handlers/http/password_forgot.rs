//! `POST /password/forgot`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, empty, members, problem::Kind},
};

/// Sends a code for setting a new password. The response is the same for an unknown user.
pub struct PasswordForgot {
    pub pool: UserPool,
}

crate::members! {
    struct Recipient {
        username: String,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /password/forgot",
            "passwordForgot",
            "Users",
            Access::Public,
            "Send a code for setting a new password",
        )
        .body::<Recipient>()
        .empty(202, "Sent if the user exists")
        .problems(&[Kind::TOO_MANY_ATTEMPTS]),
    ]
}

impl Route for PasswordForgot {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let Recipient { username } = members::read_body(&request)?;
        self.pool.forgot_password(&caller(&request), &username.to_ascii_lowercase()).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
