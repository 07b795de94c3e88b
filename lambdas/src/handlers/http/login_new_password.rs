//! `POST /login/new_password`

use super::login;
use crate::{
    users::UserPool,
    web::{Problem, Request, Response, Route, fields::Fields},
};

/// Sets the new password that a log-in asked for, and logs in.
pub struct LoginNewPassword {
    pub pool: UserPool,
    /// The id of that pool.
    pub pool_id: String,
}

impl Route for LoginNewPassword {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let given = fields.text("username");
        let session = fields.text("session");
        let password = fields.text("new_password");
        fields.finish()?;
        let tokens = self.pool.new_password(&self.pool_id, &given.to_ascii_lowercase(), &session, &password).await?;
        login::answer(&tokens, &given)
    }
}
