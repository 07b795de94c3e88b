//! `POST /confirm/resend`

use http::StatusCode;

use crate::{
    users::UserPool,
    web::{Problem, Request, Response, Route, empty, fields::Fields},
};

/// Sends the code of a sign-up once more, and answers an unknown user the same.
pub struct ConfirmResend {
    pub pool: UserPool,
}

impl Route for ConfirmResend {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        fields.finish()?;
        self.pool.resend(&username).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
