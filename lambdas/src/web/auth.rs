//! Who calls: the token of a request, verified again, for a function must not trust that it was reached through the
//! gateway.

use std::sync::Arc;

use http::HeaderMap;
use layer_jwt::{Issuers, Verifier, VerifyError};

use crate::{
    config::{ConfigError, required},
    users::{TooLong, User},
};

/// Tells the caller of a request.
#[derive(Clone)]
pub struct Auth {
    verifier: Arc<Verifier>,
}

/// Why nobody can be told.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token is missing, refused, or cannot be checked.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// The token is valid, but its user id cannot be part of a key.
    #[error(transparent)]
    UserId(#[from] TooLong),
}

impl Auth {
    /// Trusts the issuers of `TRUSTED_ISSUERS`.
    ///
    /// # Errors
    /// When the variable is not set or cannot be read.
    pub fn from_env() -> Result<Self, ConfigError> {
        let issuers = Issuers::from_json(&required("TRUSTED_ISSUERS")?)
            .map_err(|why| ConfigError::Wrong { name: "TRUSTED_ISSUERS", why: why.to_string() })?;
        Ok(Self { verifier: Arc::new(Verifier::for_lambda(&issuers)) })
    }

    /// The caller of a request with these headers.
    ///
    /// # Errors
    /// Without a good token, with a user id that is too long, and when the issuer's keys cannot be had.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<User, AuthError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = layer_jwt::token_from_headers(text("authorization"), text("jwt"))?;
        let claims = self.verifier.verify(token).await?;
        Ok(User::from_claims(&claims)?)
    }
}
