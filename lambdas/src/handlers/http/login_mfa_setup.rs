//! `POST /login/mfa/setup`

use super::{
    login,
    login_mfa::{self, SecondFactor},
};
use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, members, session::Session},
};

/// Sets up the second factor that the service requires, and logs in.
pub struct LoginMfaSetup {
    pub pool: UserPool,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /login/mfa/setup",
            "loginMfaSetup",
            "Users",
            Access::Public,
            "Set up the second factor that a log-in required, and log in",
        )
        .body::<SecondFactor>()
        .json::<login::LoggedIn>(200, "Tokens")
        .session(200)
        .problems(login_mfa::PROBLEMS),
    ]
}

impl Route for LoginMfaSetup {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let kept = Session::of(&request)?;
        let SecondFactor { username, session, code } = members::read_body(&request)?;
        let name = username.to_ascii_lowercase();
        let tokens = self.pool.set_up_mfa(&caller(&request), &name, &session, &code).await?;
        login::respond(tokens, &username, kept)
    }
}
