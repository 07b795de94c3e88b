//! `POST /confirm/resend`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, empty, members, problem::Kind},
};

/// Sends the code of a sign-up again. The response is the same for an unknown user.
pub struct ConfirmResend {
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
            "POST /confirm/resend",
            "confirmResend",
            "Users",
            Access::Public,
            "Send the code of a sign-up again",
        )
        .body::<Recipient>()
        .empty(202, "Sent if the user exists")
        .problems(&[Kind::TOO_MANY_ATTEMPTS]),
    ]
}

impl Route for ConfirmResend {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let Recipient { username } = members::read_body(&request)?;
        self.pool.resend(&caller(&request), &username.to_ascii_lowercase()).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
