//! Identifies the caller. Each function verifies the token again, because it must not assume that it was reached
//! through the gateway.

use std::sync::Arc;

use http::HeaderMap;
use layer_jwt::{Issuers, Verifier, VerifyError};

use crate::{
    config::{ConfigError, required},
    users::{TooLong, User},
};

/// Identifies the caller of a request.
#[derive(Clone)]
pub struct Auth {
    verifier: Arc<Verifier>,
}

/// Why the caller cannot be identified.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token is missing, invalid, or cannot be checked.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// The token is valid, but its user id cannot be part of a key.
    #[error(transparent)]
    UserId(#[from] TooLong),
}

impl Auth {
    /// Trusts the issuers listed in `TRUSTED_ISSUERS`.
    ///
    /// # Errors
    /// If the variable is missing or invalid.
    pub fn from_env() -> Result<Self, ConfigError> {
        let issuers = Issuers::from_json(&required("TRUSTED_ISSUERS")?)
            .map_err(|why| ConfigError::Wrong { name: "TRUSTED_ISSUERS", why: why.to_string() })?;
        Ok(Self { verifier: Arc::new(Verifier::for_lambda(&issuers)) })
    }

    /// The caller of a request with these headers.
    ///
    /// # Errors
    /// If the token is missing or invalid, if the issuer's keys are unavailable, or if the user id is too long.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<User, AuthError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = layer_jwt::token_from_headers(text("authorization"), text("jwt"))?;
        let claims = self.verifier.verify(token).await?;
        Ok(User::from_claims(&claims)?)
    }
}
