//! `POST /confirm`

use ::http::StatusCode;

use crate::{
    http::{Answer, Problem, Request, Route, empty, fields::Fields},
    users::UserPool,
};

/// Confirms a sign-up with the code from the mail.
pub struct Confirm {
    /// Where users are kept.
    pub pool: UserPool,
}

impl Route for Confirm {
    async fn handle(&self, request: Request) -> Result<Answer, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        let code = fields.text("code");
        fields.finish()?;
        self.pool.confirm(&username, &code).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
