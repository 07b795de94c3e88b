//! `POST /password/reset`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, empty, members, problem::Kind},
};

/// Sets a new password with the code from the email.
pub struct PasswordReset {
    pub pool: UserPool,
}

crate::members! {
    struct Reset {
        username: String,
        /// The code from the latest email.
        code: String,
        new_password: String,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /password/reset",
            "passwordReset",
            "Users",
            Access::Public,
            "Set a new password with the code from the email",
        )
        .body::<Reset>()
        .empty(204, "The new password is set")
        .problems(&[Kind::CODE_EXPIRED, Kind::TOO_MANY_ATTEMPTS]),
    ]
}

impl Route for PasswordReset {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let Reset { username, code, new_password } = members::read_body(&request)?;
        self.pool.reset_password(&caller(&request), &username.to_ascii_lowercase(), &code, &new_password).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
