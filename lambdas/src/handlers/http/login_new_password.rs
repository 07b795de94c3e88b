//! `POST /login/new_password`

use super::login;
use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{Problem, Request, Response, Route, caller, members, session::Session},
};

/// Sets the new password that a log-in required, and logs in.
pub struct LoginNewPassword {
    pub pool: UserPool,
}

crate::members! {
    struct Renewal {
        username: String,
        /// The `session` in the 409 response of POST /login.
        session: String,
        new_password: String,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /login/new_password",
            "loginNewPassword",
            "Users",
            Access::Public,
            "Set the new password that a log-in required, and log in",
        )
        .body::<Renewal>()
        .json::<login::LoggedIn>(200, "Tokens")
        .session(200)
        .problems(login::PROBLEMS),
    ]
}

impl Route for LoginNewPassword {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let kept = Session::of(&request)?;
        let Renewal { username, session, new_password } = members::read_body(&request)?;
        let name = username.to_ascii_lowercase();
        let tokens = self.pool.new_password(&caller(&request), &name, &session, &new_password).await?;
        login::respond(tokens, &username, kept)
    }
}
