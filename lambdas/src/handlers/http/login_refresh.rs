//! `POST /login/refresh`

use super::login;
use crate::{
    openapi::{Access, Operation},
    users::{PoolError, UserPool},
    web::{
        Problem, Request, Response, Route,
        problem::Kind,
        session::{RefreshToken, Session},
    },
};

/// Exchanges a refresh token for new tokens.
pub struct LoginRefresh {
    pub pool: UserPool,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /login/refresh",
            "loginRefresh",
            "Users",
            Access::Public,
            "Exchange a refresh token for new tokens",
        )
        .optional_body::<RefreshToken>()
        .json::<login::LoggedIn>(200, "Tokens, without a refresh token")
        .session(200)
        .problems(&[
            Kind::WRONG_CREDENTIALS,
            Kind::NOT_CONFIRMED,
            Kind::PASSWORD_RESET_REQUIRED,
            Kind::TOO_MANY_ATTEMPTS,
        ]),
    ]
}

impl Route for LoginRefresh {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let session = Session::of(&request)?;
        let refresh_token = session.refresh_token(&request)?.ok_or(PoolError::WrongCredentials)?;
        let tokens = self.pool.refresh(&refresh_token).await?;
        let username = tokens.username().ok_or_else(|| Problem::internal("the ID token has no user name"))?;
        login::respond(tokens, &username, session)
    }
}
