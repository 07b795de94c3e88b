//! A token as text: finding it in a request, splitting it into its parts, and checking its header and signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde::{Deserialize, Deserializer};

use crate::algorithm::Algorithm;
use crate::claims::Payload;
use crate::error::{Refusal, VerifyError};
use crate::jwk::VerifyingKey;
use crate::policy::MAX_TOKEN_BYTES;

/// Finds the token in the headers of a request: in `Authorization`, else in `JWT`.
///
/// In both headers the token may follow `Bearer` (RFC 6750; RFC 9110 section 11.1 makes the scheme case-insensitive) or
/// be the whole value. A header with another scheme, or with nothing after `Bearer`, counts as missing.
///
/// # Errors
/// [`VerifyError::Missing`] if neither header contains a token.
pub fn token_from_headers<'a>(authorization: Option<&'a str>, jwt: Option<&'a str>) -> Result<&'a str, VerifyError> {
    authorization.and_then(token_from_header).or_else(|| jwt.and_then(token_from_header)).ok_or(VerifyError::Missing)
}

fn token_from_header(value: &str) -> Option<&str> {
    let value = value.trim_ascii();
    let token = match value.split_once(|c: char| c.is_ascii_whitespace()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_ascii_start(),
        Some(_) => return None,
        None if value.eq_ignore_ascii_case("bearer") => return None,
        None => value,
    };
    let is_one_word = !token.is_empty() && !token.contains(|c: char| c.is_ascii_whitespace());
    is_one_word.then_some(token)
}

/// A well-formed token. Its content is not trustworthy before [`check_signature`](Self::check_signature).
pub(crate) struct UnverifiedToken<'a> {
    /// The id of the key that signed the token, according to its header.
    pub(crate) kid: String,
    pub(crate) payload: Payload,
    algorithm: Algorithm,
    /// The input of the signature: header and payload as sent, with the dot between them (RFC 7515 section 5.2).
    message: &'a str,
    signature: &'a str,
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UnverifiedToken")
    }
}

impl<'a> UnverifiedToken<'a> {
    pub(crate) fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Refusal::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Refusal::Malformed)?;
        let header: Header = decode(header)?;
        let payload: Payload = decode(payload)?;

        let algorithm = Algorithm::from_name(&header.alg).ok_or(Refusal::Algorithm)?;
        if header.crit {
            return Err(Refusal::Critical);
        }
        let kid = header.kid.ok_or(Refusal::NoKeyId)?;
        Ok(Self { kid, payload, algorithm, message, signature })
    }

    /// Checks that `key` signed this token with the key's algorithm.
    pub(crate) fn check_signature(&self, key: &VerifyingKey) -> Result<(), Refusal> {
        if self.algorithm != key.algorithm {
            return Err(Refusal::Algorithm);
        }
        let message = self.message.as_bytes();
        match crypto::verify(self.signature, message, &key.key, key.algorithm.into()) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refusal::Signature),
        }
    }
}

/// The members of a header (RFC 7515 section 4.1) that matter. A duplicate of one of them is an error. All others are
/// ignored, including `jku`, `jwk`, `x5u` and `x5c`: a token cannot bring its own key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Whether the header has `crit`, with any value: no extension is supported.
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Refusal> {
    // The parser's errors are dropped because they quote the token.
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'a>(authorization: Option<&'a str>, jwt: Option<&'a str>) -> Option<&'a str> {
        token_from_headers(authorization, jwt).ok()
    }

    #[test]
    fn a_token_is_found_bare_or_after_bearer() {
        for value in ["a.b.c", "Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", "Bearer\ta.b.c", " a.b.c "] {
            assert_eq!(found(Some(value), None), Some("a.b.c"), "{value}");
            assert_eq!(found(None, Some(value)), Some("a.b.c"), "{value}");
        }
    }

    #[test]
    fn a_header_without_exactly_one_token_counts_as_missing() {
        for value in ["", " ", "Bearer", "bearer ", "Basic dXNlcjpwYXNz", "Bearer a b", "a b"] {
            assert_eq!(found(Some(value), None), None, "{value}");
            assert_eq!(found(None, Some(value)), None, "{value}");
        }
        assert!(matches!(token_from_headers(None, None), Err(VerifyError::Missing)));
    }

    #[test]
    fn authorization_takes_precedence_over_jwt() {
        assert_eq!(found(Some("Bearer a"), Some("b")), Some("a"));
        assert_eq!(found(Some("Basic a"), Some("b")), Some("b"));
        assert_eq!(found(Some(""), Some("b")), Some("b"));
    }

    proptest! {
        #[test]
        fn any_header_is_handled_without_a_panic(authorization: Option<String>, jwt: Option<String>) {
            let token = found(authorization.as_deref(), jwt.as_deref());
            prop_assert!(token.is_none_or(|token| !token.is_empty()));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".*") {
            prop_assert!(UnverifiedToken::parse(&text).is_err());
        }

        #[test]
        fn any_text_in_the_parts_is_refused_without_a_panic(header in ".*", payload in ".*", signature in ".*") {
            let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
            let token = format!("{header}.{payload}.{signature}");
            prop_assert!(UnverifiedToken::parse(&token).is_err());
        }
    }
}
