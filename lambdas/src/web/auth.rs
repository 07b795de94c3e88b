//! Identifies the caller. Each function verifies the token again, because it must not assume that it was reached
//! through the gateway.

use std::sync::Arc;

use http::HeaderMap;
use layer_jwt::{Claims, Issuers, TokenUse, Verifier, VerifyError};

use crate::{
    config::{ConfigError, required},
    users::{TooLong, User},
};

/// Identifies the caller of a request.
#[derive(Clone)]
pub struct Auth {
    verifier: Arc<Verifier>,
}

/// A caller from the user pool.
pub struct PoolUser {
    pub user: User,
    /// The caller's own, verified. Cognito requires it for calls on the user's behalf.
    pub access_token: String,
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
    /// The token is from another issuer than the user pool.
    #[error("the token is from another issuer")]
    NotAPoolUser,
    /// The token is the ID token.
    #[error("the token is not an access token")]
    NotAnAccessToken,
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
        let (_, claims) = self.verify(headers).await?;
        Ok(User::from_claims(&claims)?)
    }

    /// As [`Auth::caller`], for a user of the pool who sent an access token.
    ///
    /// # Errors
    /// Those of [`Auth::caller`], [`AuthError::NotAPoolUser`] and [`AuthError::NotAnAccessToken`].
    pub async fn pool_user(&self, headers: &HeaderMap) -> Result<PoolUser, AuthError> {
        let (token, claims) = self.verify(headers).await?;
        let user = User::from_claims(&claims)?;
        if user.issuer_alias().is_some() {
            Err(AuthError::NotAPoolUser)
        } else if claims.token_use == Some(TokenUse::Access) {
            Ok(PoolUser { user, access_token: token.to_owned() })
        } else {
            Err(AuthError::NotAnAccessToken)
        }
    }

    /// The token in these headers, and its claims.
    async fn verify<'a>(&self, headers: &'a HeaderMap) -> Result<(&'a str, Claims), AuthError> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let token = layer_jwt::token_from_headers(text("authorization"), text("jwt"))?;
        Ok((token, self.verifier.verify(token).await?))
    }
}
