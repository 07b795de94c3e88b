//! `POST /me/mfa/confirm`

use http::StatusCode;

use super::me_mfa::{self, Code};
use crate::{
    openapi::{Access, Operation},
    users::UserPool,
    web::{
        Problem, Request, Response, Route,
        auth::{Auth, PoolUser},
        empty, members,
    },
};

/// Activates the second factor.
pub struct MeMfaConfirm {
    pub auth: Auth,
    pub pool: UserPool,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /me/mfa/confirm", "confirmMfa", "Me", Access::Token, "Activate the second factor")
            .json_body::<Code>()
            .empty(204, "From now on each log-in asks for a code")
            .problems(me_mfa::PROBLEMS),
    ]
}

impl Route for MeMfaConfirm {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let PoolUser { access_token, .. } = self.auth.pool_user(request.headers()).await?;
        let Code { code } = members::read_json(&request)?;
        self.pool.confirm_mfa(&access_token, &code).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
