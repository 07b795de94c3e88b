//! `POST /password/reset`

use ::http::StatusCode;

use crate::{
    http::{Answer, Problem, Request, Route, empty, fields::Fields},
    users::UserPool,
};

/// Sets a new password with the code from the mail.
pub struct PasswordReset {
    /// Where users are kept.
    pub pool: UserPool,
}

impl Route for PasswordReset {
    async fn handle(&self, request: Request) -> Result<Answer, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        let code = fields.text("code");
        let password = fields.text("new_password");
        fields.finish()?;
        self.pool.reset_password(&username, &code, &password).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
