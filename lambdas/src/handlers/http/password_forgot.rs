//! `POST /password/forgot`

use http::StatusCode;

use crate::{
    users::UserPool,
    web::{Problem, Request, Response, Route, empty, fields::Fields},
};

/// Mails a code for a new password, and answers an unknown user the same.
pub struct PasswordForgot {
    pub pool: UserPool,
}

impl Route for PasswordForgot {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        fields.finish()?;
        self.pool.forgot_password(&username).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
