//! `POST /password/reset`

use http::StatusCode;

use crate::{
    users::UserPool,
    web::{Problem, Request, Response, Route, empty, fields::Fields},
};

/// Sets a new password with the code from the mail.
pub struct PasswordReset {
    pub pool: UserPool,
}

impl Route for PasswordReset {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        let code = fields.text("code");
        let password = fields.text("new_password");
        fields.finish()?;
        self.pool.reset_password(&username, &code, &password).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
