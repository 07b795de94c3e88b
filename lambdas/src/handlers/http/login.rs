//! `POST /login`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    openapi::{Access, Operation},
    users::{Tokens, UserPool},
    web::{
        Problem, Request, Response, Route, caller, json, members,
        problem::Kind,
        session::{self, Session},
    },
};

/// Exchanges a user name and a password for tokens.
pub struct Login {
    pub pool: UserPool,
}

/// Why a user is not logged in, whatever the route.
pub(super) const PROBLEMS: &[Kind] = &[
    Kind::WRONG_CREDENTIALS,
    Kind::NOT_CONFIRMED,
    Kind::PASSWORD_RESET_REQUIRED,
    Kind::UNSUPPORTED_CHALLENGE,
    Kind::NEW_PASSWORD_DUE,
    Kind::MFA_REQUIRED,
    Kind::MFA_SETUP_DUE,
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
        .session(200)
        .problems(PROBLEMS),
    ]
}

impl Route for Login {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let session = Session::of(&request)?;
        let Credentials { username, password } = members::read_body(&request)?;
        let tokens = self.pool.log_in(&caller(&request), &username.to_ascii_lowercase(), &password).await?;
        respond(tokens, &username, session)
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
    /// Send it to POST /login/refresh. Absent in the response of that route, and if it is in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    refresh_token: Option<&'a str>,
    /// Always `Bearer`.
    token_type: &'a str,
    /// How long `jwt` and `access_token` are valid, in seconds.
    expires_in: i32,
}

/// The response of every route that logs a user in. `credentials` is the user name.
pub(super) fn respond(tokens: Tokens, credentials: &str, session: Session) -> Result<Response, Problem> {
    let (in_body, in_cookie) = match session {
        Session::Body => (tokens.refresh, None),
        Session::Cookie => (None, tokens.refresh),
    };
    let response = json(
        StatusCode::OK,
        &LoggedIn {
            jwt: &tokens.id,
            credentials,
            access_token: &tokens.access,
            refresh_token: in_body.as_deref(),
            token_type: &tokens.kind,
            expires_in: tokens.expires_in,
        },
    )?;
    match in_cookie {
        Some(refresh_token) => session::with_cookie(response, &refresh_token),
        None => Ok(response),
    }
}
