//! `POST /confirm`

use http::StatusCode;

use crate::{
    users::UserPool,
    web::{Problem, Request, Response, Route, empty, fields::Fields},
};

/// Confirms a sign-up with the code from the mail.
pub struct Confirm {
    pub pool: UserPool,
}

impl Route for Confirm {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = fields.username();
        let code = fields.text("code");
        fields.finish()?;
        self.pool.confirm(&username, &code).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
