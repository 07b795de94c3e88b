//! `POST /password/forgot`

use ::http::StatusCode;

use crate::{
    http::{Answer, Problem, Request, Route, empty, fields::Fields},
    users::UserPool,
};

/// Mails a code for a new password, and answers an unknown user the same.
pub struct PasswordForgot {
    /// Where users are kept.
    pub pool: UserPool,
}

impl Route for PasswordForgot {
    async fn handle(&self, request: Request) -> Result<Answer, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        fields.finish()?;
        self.pool.forgot_password(&username).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
