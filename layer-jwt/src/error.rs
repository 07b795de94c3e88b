//! The errors of this crate.
//!
//! A message does not repeat the messages of its sources; [`with_sources`] adds them for a log. The exception is
//! [`IssuerError`], whose messages are complete because an operator may see nothing else.

use std::error::Error;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use crate::policy::{MAX_FILE_BYTES, MAX_JWKS_BYTES, MAX_TOKEN_BYTES};

/// Why a request could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Neither header contains a token. The response is 401.
    #[error("the request has no token")]
    Missing,
    /// The token breaks a rule. The response is 401; the reason is for the log and quotes nothing from the token.
    #[error(transparent)]
    Invalid(#[from] Refusal),
    /// The issuer's keys could not be fetched, so the token may be valid. The response is 503. A retry asks the issuer
    /// again after [`RETRY`](crate::policy::RETRY).
    #[error("the keys of issuer {issuer} are unavailable")]
    Unavailable {
        /// The issuer as configured.
        issuer: String,
        /// Why the last fetch failed. Every request that waited for that fetch has the same error.
        source: Arc<FetchError>,
    },
}

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not parsed at all.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLong,
    /// It is not three base64url parts, or the first two are not JSON objects with at least `alg` and `iss`.
    #[error("the token is malformed")]
    Malformed,
    /// The header names an algorithm other than RS256 and ES256, or not the one of its key.
    #[error("the token's algorithm is not supported or does not belong to its key")]
    Algorithm,
    /// RFC 7515 section 4.1.11 requires that a token with an unknown critical extension is refused. All are unknown.
    #[error("the token's header requires extensions (`crit`), and none are supported")]
    Critical,
    /// Without a key id, it is unknown which key to check the signature with.
    #[error("the token's header has no `kid`")]
    NoKeyId,
    /// `iss` is not equal to the name of any trusted issuer.
    #[error("the token's issuer is not trusted")]
    UnknownIssuer,
    /// The issuer's current key set does not contain the token's `kid`.
    #[error("the token's key is not among its issuer's keys")]
    UnknownKey,
    /// The signature does not match the content and the key.
    #[error("the token's signature is invalid")]
    Signature,
    /// `exp` passed at least [`LEEWAY`](crate::policy::LEEWAY) ago.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is more than [`LEEWAY`](crate::policy::LEEWAY) in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The named claim is missing, empty, of the wrong type, or names another audience.
    #[error("the token's claim `{0}` is missing or invalid")]
    Claim(&'static str),
}

/// Why an issuer's keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The TLS library does not support the protocol versions it was built with.
    #[error("cannot configure TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client rejects its settings.
    #[error("cannot create the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The connection failed or broke off, or the response took too long.
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    /// Redirects are not followed either, since only the configured URL is trusted.
    #[error("the response has status {0}, not 200")]
    Status(u16),
    /// The rest of the response is not read.
    #[error("the response is longer than {MAX_JWKS_BYTES} bytes")]
    TooLong,
    /// The response is not JSON, or has no list `keys`.
    #[error("the response is not a JWK set")]
    Json(#[from] serde_json::Error),
    /// None of the keys is an RSA or P-256 key for signatures with a key id.
    #[error("the JWK set has no usable key")]
    NoKeys,
    /// The caller stopped waiting.
    #[error("the fetch took too long")]
    TimedOut,
}

/// Why a list of issuers is refused. The message is for the operator who wrote the list.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Not a JSON list of objects with the known members.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// No token could ever be accepted.
    #[error("the list of trusted issuers is empty")]
    Empty,
    /// Such an `issuer` could never equal the `iss` of a token.
    #[error("issuer {0:?} is empty or starts or ends with white space")]
    Name(String),
    /// The message does not quote the URL, which may contain a password.
    #[error("issuer {issuer}: the JWKS URL {problem}")]
    JwksUrl {
        issuer: String,
        /// What is wrong with the URL, whether it was configured or derived from the issuer.
        problem: JwksUrlProblem,
    },
    /// `audiences` is an empty list or contains an empty string.
    #[error("issuer {0}: list at least one audience, and no empty ones")]
    Audience(String),
    /// Without an alias, users of this issuer could not be told apart from those of the user pool.
    #[error("issuer {0}: kind \"oidc\" needs an alias")]
    AliasMissing(String),
    /// The user pool's users have no prefix.
    #[error("issuer {0}: kind \"cognito\" must not have an alias")]
    AliasOfPool(String),
    /// The alias becomes part of user ids, so its characters are limited.
    #[error("issuer {issuer}: alias {alias:?} is not 1 to 32 characters from a-z, 0-9 and -")]
    Alias { issuer: String, alias: String },
    /// Two entries have the same `issuer`.
    #[error("issuer {0} is listed twice")]
    DuplicateIssuer(String),
    /// Users of the two issuers would share their ids.
    #[error("alias {0:?} is given to two issuers")]
    DuplicateAlias(String),
    /// Users of the two pools would share their ids.
    #[error("only one issuer may have kind \"cognito\"")]
    SecondPool,
}

/// What is wrong with a JWKS URL. The message continues the sentence "the JWKS URL …".
#[derive(Debug, thiserror::Error)]
pub enum JwksUrlProblem {
    /// It cannot be parsed, or has no scheme.
    #[error("is not an absolute URL ({0})")]
    NotAbsolute(<reqwest::Url as FromStr>::Err),
    /// The issuer's keys are public, so credentials can only be a mistake, and would end up in logs.
    #[error("contains a user name or password")]
    Credentials,
    /// For example a `file:` URL.
    #[error("has no host")]
    NoHost,
    /// Keys read over plain HTTP could come from anybody.
    #[error("does not use https (plain http is allowed for localhost only)")]
    NotHttps,
}

/// Why the extension's keys file is not used. The function then fetches the keys itself.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// The file does not exist or cannot be read.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
    /// Reading a directory, a pipe or a huge file could fail, block or use up the memory.
    #[error("not a regular file of at most {MAX_FILE_BYTES} bytes")]
    NotRegular,
    /// The content is not what [`KeysFile::write`](crate::KeysFile::write) produces.
    #[error("the content is invalid")]
    Json(#[from] serde_json::Error),
    /// The extension and the function were built from different versions of this crate.
    #[error("format version {0} is not supported")]
    Version(u32),
}

/// The message of `error` and of each of its sources, separated by `: `.
#[must_use]
pub fn with_sources(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |&error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unavailable_issuer_keeps_the_whole_chain_of_causes() {
        let json = serde_json::from_str::<()>("{").unwrap_err();
        let message = json.to_string();
        let error = VerifyError::Unavailable {
            issuer: "https://issuer.example".to_owned(),
            source: Arc::new(FetchError::Json(json)),
        };
        let expected = "the keys of issuer https://issuer.example are unavailable: the response is not a JWK set: ";
        assert_eq!(with_sources(&error), format!("{expected}{message}"));
    }

    #[test]
    fn an_error_without_a_source_has_one_message() {
        assert_eq!(with_sources(&VerifyError::from(Refusal::Expired)), "the token has expired");
    }
}
