//! `POST /login/refresh`

use super::login;
use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, members},
};

/// Exchanges a refresh token for new tokens.
pub struct LoginRefresh {
    pub pool: UserPool,
    /// The id of the pool.
    pub pool_id: String,
}

crate::members! {
    struct Renewal {
        refresh_token: String,
    }
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
        .body::<Renewal>()
        .json::<login::LoggedIn>(200, "Tokens, without a refresh token")
        .problems(login::PROBLEMS),
    ]
}

impl Route for LoginRefresh {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let Renewal { refresh_token } = members::read_body(&request)?;
        let tokens = self.pool.refresh(&self.pool_id, &refresh_token).await?;
        let username = tokens.username().ok_or_else(|| Problem::internal("the ID token has no user name"))?;
        login::respond(&tokens, &username)
    }
}
