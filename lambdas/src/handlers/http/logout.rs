//! `POST /logout`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{
        Problem, Request, Response, Route, empty,
        problem::Kind,
        session::{RefreshToken, Session, without_cookie},
    },
};

/// Revokes a refresh token. The response is the same for an invalid token.
pub struct Logout {
    pub pool: UserPool,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /logout", "logout", "Users", Access::Public, "Revoke a refresh token")
            .optional_body::<RefreshToken>()
            .empty(204, "The refresh token is not valid any more")
            .session(204)
            .problems(&[Kind::TOO_MANY_ATTEMPTS]),
    ]
}

impl Route for Logout {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let session = Session::of(&request)?;
        if let Some(refresh_token) = session.refresh_token(&request)? {
            self.pool.log_out(&refresh_token).await?;
        }
        let response = empty(StatusCode::NO_CONTENT);
        match session {
            Session::Body => Ok(response),
            Session::Cookie => without_cookie(response),
        }
    }
}
