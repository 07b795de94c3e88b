//! `POST /signup`

use http::StatusCode;

use crate::{
    users::{UserPool, Username},
    web::{Problem, Request, Response, Route, fields::Fields, json},
};

/// Signs a user up.
pub struct Signup {
    pub pool: UserPool,
}

impl Route for Signup {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let mut fields = Fields::read(&request)?;
        let username = Username::parse(&fields.text("username"));
        let password = fields.text("password");
        let email = fields.text("email");
        if username.is_none() && !fields.is_refused("username") {
            fields.refuse(
                "username",
                "must be 1 to 128 of letters (a-z), digits, and . _ - + @, not be . or .., and not begin with user-",
            );
        }
        if !is_mail_address(&email) && !fields.is_refused("email") {
            fields.refuse("email", "must be a mail address");
        }
        fields.finish()?;
        let username = username.ok_or_else(|| Problem::internal("a user name was lost"))?;
        let signup = self.pool.sign_up(&username, &password, &email).await?;
        json(StatusCode::CREATED, &signup)
    }
}

/// Whether this may be a mail address; the code that is sent to it is the real test (RFC 5321, 4.5.3.1 for the length).
fn is_mail_address(text: &str) -> bool {
    text.len() <= 254
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}
