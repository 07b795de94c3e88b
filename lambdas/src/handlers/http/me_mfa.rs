//! `POST /me/mfa` and `DELETE /me/mfa`

use http::{Method, StatusCode};

use crate::{
    openapi::{Access, Operation},
    users::{Enrolment, UserPool},
    web::{
        Problem, Request, Response, Route,
        auth::{Auth, PoolUser},
        empty, json, members,
        problem::Kind,
    },
};

/// Starts to set up the second factor, or ends it.
pub struct MeMfa {
    pub auth: Auth,
    pub pool: UserPool,
    /// Whether the service requires a second factor, so that nobody may end it.
    pub mandatory: bool,
}

crate::members! {
    pub(super) struct Code {
        /// The current code of the authenticator app: six digits.
        code: String,
    }
}

/// Why Cognito does not act for the caller, whatever the route.
pub(super) const PROBLEMS: &[Kind] = &[Kind::NOT_A_POOL_USER, Kind::ACCESS_TOKEN_REQUIRED, Kind::TOO_MANY_ATTEMPTS];

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /me/mfa", "startMfa", "Me", Access::Token, "Create a secret for a second factor")
            .json::<Enrolment>(200, "The secret for an authenticator app, not active yet")
            .problems(PROBLEMS)
            .problems(&[Kind::MFA_ACTIVE]),
        Operation::new("DELETE /me/mfa", "endMfa", "Me", Access::Token, "End the second factor")
            .json_body::<Code>()
            .empty(204, "Log-ins no longer ask for a code")
            .problems(PROBLEMS)
            .problems(&[Kind::MFA_NOT_ACTIVE, Kind::MFA_MANDATORY]),
    ]
}

impl Route for MeMfa {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let PoolUser { user, access_token } = self.auth.pool_user(request.headers()).await?;
        if request.method() == Method::POST {
            return json(StatusCode::OK, &self.pool.start_mfa(user.username(), &access_token).await?);
        }
        let Code { code } = members::read_json(&request)?;
        self.pool.end_mfa(&access_token, &code, self.mandatory).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
