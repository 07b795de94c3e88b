//! `POST /confirm`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, empty, members, problem::Kind},
};

/// Confirms a sign-up with the code from the email.
pub struct Confirm {
    pub pool: UserPool,
}

crate::members! {
    struct Confirmation {
        username: String,
        /// The code from the latest email.
        code: String,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /confirm",
            "confirm",
            "Users",
            Access::Public,
            "Confirm a sign-up with the code from the email",
        )
        .body::<Confirmation>()
        .empty(204, "The user can log in")
        .problems(&[Kind::CODE_EXPIRED, Kind::TOO_MANY_ATTEMPTS]),
    ]
}

impl Route for Confirm {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let Confirmation { username, code } = members::read_body(&request)?;
        self.pool.confirm(&caller(&request), &username.to_ascii_lowercase(), &code).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
