//! `POST /login`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    openapi::{Access, Operation},
    users::{Tokens, UserPool},
    web::{Problem, Request, Response, Route, json, members, problem::Kind},
};

/// Exchanges a user name and a password for tokens.
pub struct Login {
    pub pool: UserPool,
    /// The id of the pool.
    pub pool_id: String,
}

/// Why a user is not logged in, whatever the route.
pub(super) const PROBLEMS: &[Kind] = &[
    Kind::WRONG_CREDENTIALS,
    Kind::NOT_CONFIRMED,
    Kind::PASSWORD_RESET_REQUIRED,
    Kind::UNSUPPORTED_CHALLENGE,
    Kind::NEW_PASSWORD_DUE,
    Kind::TOO_MANY_ATTEMPTS,
];

crate::members! {
    struct Credentials {
        username: String,
        password: String,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /login",
            "login",
            "Users",
            Access::Public,
            "Exchange a user name and a password for tokens",
        )
        .body::<Credentials>()
        .json::<LoggedIn>(200, "Tokens")
        .problems(PROBLEMS),
    ]
}

impl Route for Login {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let Credentials { username, password } = members::read_body(&request)?;
        let tokens = self.pool.log_in(&self.pool_id, &username.to_ascii_lowercase(), &password).await?;
        respond(&tokens, &username)
    }
}

#[derive(Serialize, JsonSchema)]
pub(super) struct LoggedIn<'a> {
    /// The ID token. Send it with requests, as `Authorization: Bearer {jwt}`.
    jwt: &'a str,
    /// The user name: as sent, or from the token after POST /login/refresh.
    credentials: &'a str,
    /// Also accepted with requests, but it does not contain an email address.
    access_token: &'a str,
    /// Send it to POST /login/refresh. Absent in the response of that route.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    refresh_token: Option<&'a str>,
    /// Always `Bearer`.
    token_type: &'a str,
    /// How long `jwt` and `access_token` are valid, in seconds.
    expires_in: i32,
}

/// The response of every route that logs a user in. `credentials` is the user name.
pub(super) fn respond(tokens: &Tokens, credentials: &str) -> Result<Response, Problem> {
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
