//! `POST /login/mfa`

use super::login;
use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, members, problem::Kind, session::Session},
};

/// Finishes a log-in with a code of the second factor.
pub struct LoginMfa {
    pub pool: UserPool,
}

crate::members! {
    pub(super) struct SecondFactor {
        username: String,
        /// The `session` in the 409 response of the log-in.
        session: String,
        /// The current code of the authenticator app: six digits.
        code: String,
    }
}

/// Why a code does not log the user in.
pub(super) const PROBLEMS: &[Kind] =
    &[Kind::WRONG_CREDENTIALS, Kind::NEW_PASSWORD_DUE, Kind::UNSUPPORTED_CHALLENGE, Kind::TOO_MANY_ATTEMPTS];

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /login/mfa",
            "loginMfa",
            "Users",
            Access::Public,
            "Finish a log-in with a code of the second factor",
        )
        .body::<SecondFactor>()
        .json::<login::LoggedIn>(200, "Tokens")
        .session(200)
        .problems(PROBLEMS),
    ]
}

impl Route for LoginMfa {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let kept = Session::of(&request)?;
        let SecondFactor { username, session, code } = members::read_body(&request)?;
        let name = username.to_ascii_lowercase();
        let tokens = self.pool.log_in_with_code(&caller(&request), &name, &session, &code).await?;
        login::respond(tokens, &username, kept)
    }
}
