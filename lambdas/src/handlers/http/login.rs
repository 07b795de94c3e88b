//! `POST /login`

use http::StatusCode;
use serde::Serialize;

use crate::{
    users::{Tokens, UserPool},
    web::{Problem, Request, Response, Route, fields::Fields, json},
};

/// Exchanges a user name and a password for tokens.
pub struct Login {
    pub pool: UserPool,
    /// The id of that pool.
    pub pool_id: String,
}

impl Route for Login {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let given = fields.text("username");
        let password = fields.text("password");
        fields.finish()?;
        let tokens = self.pool.log_in(&self.pool_id, &given.to_ascii_lowercase(), &password).await?;
        answer(&tokens, &given)
    }
}

#[derive(Serialize)]
struct LoggedIn<'a> {
    jwt: &'a str,
    credentials: &'a str,
    access_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    token_type: &'a str,
    expires_in: i32,
}

/// What every route that logs in answers with. `credentials` is the user name.
pub(super) fn answer(tokens: &Tokens, credentials: &str) -> Result<Response, Problem> {
    json(
        StatusCode::OK,
        &LoggedIn {
            jwt: &tokens.id,
            credentials,
            access_token: &tokens.access,
            refresh_token: tokens.refresh.as_deref(),
            token_type: &tokens.kind,
            expires_in: tokens.expires_in,
        },
    )
}
