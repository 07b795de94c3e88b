//! `POST /login/refresh`

use super::login;
use crate::{
    users::UserPool,
    web::{Problem, Request, Response, Route, fields::Fields},
};

/// Exchanges a refresh token for new tokens.
pub struct LoginRefresh {
    pub pool: UserPool,
    /// The id of that pool.
    pub pool_id: String,
}

impl Route for LoginRefresh {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let refresh_token = fields.text("refresh_token");
        fields.finish()?;
        let tokens = self.pool.refresh(&self.pool_id, &refresh_token).await?;
        let username = tokens.username().ok_or_else(|| Problem::internal("an ID token without a user name"))?;
        login::answer(&tokens, &username)
    }
}
