//! A token as text: where it is found in a request, its three parts, and what its header may say.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::crypto;
use serde::{Deserialize, Deserializer};

use crate::claims::Payload;
use crate::jwk::VerifyingKey;
use crate::verifier::{Refusal, VerifyError};

/// A longer token is refused unread. Bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Takes the token out of a request: from `Authorization`, bare or after `Bearer` (RFC 6750; the scheme's case does not
/// matter, RFC 9110 section 11.1), else from the header `JWT`, in the same forms.
///
/// An `Authorization` without a token in it (another scheme, nothing after `Bearer`) counts as none.
///
/// # Errors
/// [`VerifyError::Missing`] when neither header holds a token.
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

/// The algorithms that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Algorithm {
    /// Its name in RFC 7518 section 3.1, which is compared exactly.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Es256].into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Rs256 => Self::RS256,
            Algorithm::Es256 => Self::ES256,
        }
    }
}

/// A token that has the form of one. Nothing in it may be believed before [`check_signature`](Self::check_signature).
pub(crate) struct UnverifiedToken<'a> {
    /// The id of the key that is said to have signed it.
    pub(crate) kid: String,
    /// What it says.
    pub(crate) payload: Payload,
    algorithm: Algorithm,
    /// Header and payload as sent, with the dot between them: what the signature is over (RFC 7515 section 5.2).
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

    /// Checks that `key` signed this token, by the key's own algorithm.
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

/// The members of a header (RFC 7515 section 4.1) that are looked at. `jku`, `jwk`, `x5u`, `x5c` and all others are
/// not: no token brings its own key. A member of these given twice is an error.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Whether the header has `crit`, whatever its value: we understand no extension.
    #[serde(default, deserialize_with = "is_present")]
    crit: bool,
}

fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

fn decode<T: for<'de> Deserialize<'de>>(part: &str) -> Result<T, Refusal> {
    // The parser's own message would quote the token.
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
    fn a_token_is_taken_bare_or_after_bearer() {
        for value in ["a.b.c", "Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c ", "Bearer\ta.b.c", " a.b.c "] {
            assert_eq!(found(Some(value), None), Some("a.b.c"), "{value}");
            assert_eq!(found(None, Some(value)), Some("a.b.c"), "{value}");
        }
    }

    #[test]
    fn what_is_not_one_token_is_none() {
        for value in ["", " ", "Bearer", "bearer ", "Basic dXNlcjpwYXNz", "Bearer a b", "a b"] {
            assert_eq!(found(Some(value), None), None, "{value}");
            assert_eq!(found(None, Some(value)), None, "{value}");
        }
        assert!(matches!(token_from_headers(None, None), Err(VerifyError::Missing)));
    }

    #[test]
    fn authorization_comes_before_jwt() {
        assert_eq!(found(Some("Bearer a"), Some("b")), Some("a"));
        assert_eq!(found(Some("Basic a"), Some("b")), Some("b"));
        assert_eq!(found(Some(""), Some("b")), Some("b"));
    }

    proptest! {
        #[test]
        fn no_header_panics(authorization: Option<String>, jwt: Option<String>) {
            let token = found(authorization.as_deref(), jwt.as_deref());
            prop_assert!(token.is_none_or(|token| !token.is_empty()));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            prop_assert!(UnverifiedToken::parse(&text).is_err());
        }

        #[test]
        fn no_json_in_any_part_panics(header in ".*", payload in ".*", signature in ".*") {
            let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
            let token = format!("{header}.{payload}.{signature}");
            prop_assert!(UnverifiedToken::parse(&token).is_err());
        }
    }
}
