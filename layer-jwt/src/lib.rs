//! Verifies JSON Web Tokens (RFC 7519) from a Cognito user pool and from other OpenID Connect issuers, using the keys
//! that the issuers publish.
//!
//! Create one [`Verifier`] at start from the trusted [`Issuers`], and share it between all requests:
//!
//! ```no_run
//! # async fn handler(trusted_issuers: &str, authorization: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
//! let issuers = layer_jwt::Issuers::from_json(trusted_issuers)?;
//! let verifier = layer_jwt::Verifier::for_lambda(&issuers);
//!
//! let token = layer_jwt::token_from_headers(authorization, None)?;
//! let claims = verifier.verify(token).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Verifier::verify`] lists the rules for a token, and [`policy`] those for the lifetime of keys.

mod algorithm;
mod cache;
mod claims;
mod clock;
mod error;
mod fetch;
mod issuer;
mod jwk;
mod keys_file;
pub mod policy;
#[cfg(feature = "test-util")]
pub mod testing;
mod token;
mod verifier;

pub use claims::{Claims, TokenUse};
pub use error::{FetchError, IssuerError, JwksUrlProblem, KeysFileError, Refusal, VerifyError, with_sources};
pub use fetch::{FetchFuture, FetchKeys, HttpKeys};
pub use issuer::{Issuer, Issuers, Kind};
pub use jwk::JwkSet;
pub use keys_file::{DEFAULT_PATH, FetchedKeys, KeysFile, PATH_VARIABLE};
pub use token::token_from_headers;
pub use verifier::Verifier;
