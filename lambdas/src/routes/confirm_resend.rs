//! `POST /confirm/resend`

use ::http::StatusCode;

use crate::{
    http::{Answer, Problem, Request, Route, empty, fields::Fields},
    users::UserPool,
};

/// Sends the code of a sign-up once more, and answers an unknown user the same.
pub struct ConfirmResend {
    /// Where users are kept.
    pub pool: UserPool,
}

impl Route for ConfirmResend {
    async fn handle(&self, request: Request) -> Result<Answer, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        fields.finish()?;
        self.pool.resend(&username).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
