//! `POST /signup`

use http::StatusCode;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::{
    openapi::{Access, Operation},
    users::{self, UserPool, Username},
    web::{
        Problem, Request, Response, Route, caller, json,
        members::{self, Detail, Member},
        problem::Kind,
    },
};

/// Signs a user up.
pub struct Signup {
    pub pool: UserPool,
}

crate::members! {
    struct NewUser {
        username: Username,
        /// A weak password is a 422 that says why.
        password: String,
        email: Email,
    }
}

/// Text that may be an email address. The code sent to it is the real test.
#[derive(PartialEq)]
struct Email(String);

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /signup", "signup", "Users", Access::Public, "Sign up")
            .body::<NewUser>()
            .json::<users::Signup>(201, "The new user, who must confirm the email address unless `confirmed`")
            .problems(&[Kind::USERNAME_TAKEN, Kind::TOO_MANY_ATTEMPTS]),
    ]
}

impl Route for Signup {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let NewUser { username, password, email } = members::read_body(&request)?;
        let signup = self.pool.sign_up(&caller(&request), &username, &password, &email.0).await?;
        json(StatusCode::CREATED, &signup)
    }
}

impl Member for Username {
    fn from_json(value: Value) -> Result<Self, Detail> {
        Self::parse(&String::from_json(value)?).ok_or_else(|| {
            "must have 1 to 128 letters (a-z), digits and . _ - + @, not be . or .., and not begin with user-".into()
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._+@-]+$"})
    }
}

impl Member for Email {
    fn from_json(value: Value) -> Result<Self, Detail> {
        let email = String::from_json(value)?;
        if is_email_address(&email) { Ok(Self(email)) } else { Err("must be an email address".into()) }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": MAX_EMAIL_BYTES, "pattern": "^\\S+@\\S+$"})
    }
}

/// RFC 5321, 4.5.3.1.
const MAX_EMAIL_BYTES: usize = 254;

fn is_email_address(text: &str) -> bool {
    text.len() <= MAX_EMAIL_BYTES
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
        && text.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}
