//! Tokens with real signatures and issuers in memory, for tests and examples.
//!
//! ```
//! use layer_jwt::testing::{self, InMemoryKeys, SigningKey};
//! use layer_jwt::{Issuers, Verifier};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let key = SigningKey::rs256("key-1");
//! let keys = InMemoryKeys::new();
//! keys.publish(testing::POOL, &[&key]);
//! let issuers = Issuers::from_json(testing::TRUSTED_ISSUERS).unwrap();
//! let verifier = Verifier::new(&issuers, keys.clone());
//!
//! let token = key.token(&testing::id_claims("ann"));
//! assert_eq!(verifier.verify(&token).await.unwrap().username.as_deref(), Some("ann"));
//! assert_eq!(keys.fetches(), 1);
//! # }
//! ```

#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a helper that fails should fail its test")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::error::FetchError;
use crate::fetch::{FetchFuture, FetchKeys};
use crate::issuer::Issuer;

/// The `iss` of the user pool in [`TRUSTED_ISSUERS`].
pub const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_test";
/// The client id of the user pool in [`TRUSTED_ISSUERS`].
pub const CLIENT: &str = "client-1";
/// The `iss` of the other issuer in [`TRUSTED_ISSUERS`].
pub const OIDC: &str = "https://tenant.auth0.example/";
/// The audience of the other issuer in [`TRUSTED_ISSUERS`].
pub const AUDIENCE: &str = "https://api.example/";
/// The alias of the other issuer in [`TRUSTED_ISSUERS`].
pub const ALIAS: &str = "auth0";
/// A user pool and another issuer, in the format of the environment variable `TRUSTED_ISSUERS`.
pub const TRUSTED_ISSUERS: &str = r#"[
    {"issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_test",
     "audiences": ["client-1"], "kind": "cognito"},
    {"issuer": "https://tenant.auth0.example/",
     "audiences": ["https://api.example/"], "alias": "auth0", "kind": "oidc"}
]"#;

/// A private key with a key id.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    Ec(Arc<EcdsaKeyPair>),
}

impl SigningKey {
    /// A new 2048-bit RSA key. Generating one takes about a tenth of a second, so share it between tests.
    #[must_use]
    pub fn rs256(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::Rsa(Arc::new(pair)) }
    }

    #[must_use]
    pub fn es256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::Ec(Arc::new(pair)) }
    }

    /// The public key as a JWK, as an issuer publishes it.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let base64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let n = public.modulus().big_endian_without_leading_zero();
                let e = public.exponent().big_endian_without_leading_zero();
                json!({"kty": "RSA", "n": base64(n), "e": base64(e)})
            }
            Pair::Ec(pair) => {
                let (_, point) = pair.public_key().as_ref().split_first().unwrap();
                let (x, y) = point.split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": base64(x), "y": base64(y)})
            }
        };
        let members = jwk.as_object_mut().unwrap();
        members.insert("kid".to_owned(), json!(self.kid));
        members.insert("alg".to_owned(), json!(self.algorithm()));
        members.insert("use".to_owned(), json!("sig"));
        jwk
    }

    /// A token with these claims and a valid header.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.token_with_header(&json!({"typ": "JWT", "alg": self.algorithm(), "kid": self.kid}), claims)
    }

    /// A token with these claims and this header. The key signs with its own algorithm, whatever `alg` says.
    #[must_use]
    pub fn token_with_header(&self, header: &Value, claims: &Value) -> String {
        self.token_of_parts(&header.to_string(), &claims.to_string())
    }

    /// A signed token with this header and payload, which need not be JSON.
    #[must_use]
    pub fn token_of_parts(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

/// The claims of an ID token from the pool for `username`. It is valid for an hour and contains the verified email
/// address `{username}@example.com`.
#[must_use]
pub fn id_claims(username: &str) -> Value {
    json!({
        "iss": POOL, "sub": format!("sub-of-{username}"), "token_use": "id", "aud": CLIENT,
        "cognito:username": username, "email": format!("{username}@example.com"), "email_verified": true,
        "iat": now(), "auth_time": now(), "exp": now() + 3600,
    })
}

/// The claims of an access token from the pool for `username`, valid for an hour.
#[must_use]
pub fn access_claims(username: &str) -> Value {
    json!({
        "iss": POOL, "sub": format!("sub-of-{username}"), "token_use": "access", "client_id": CLIENT,
        "username": username, "scope": "aws.cognito.signin.user.admin",
        "iat": now(), "auth_time": now(), "exp": now() + 3600,
    })
}

/// The claims of a token from the other issuer for the user `sub`, valid for an hour.
#[must_use]
pub fn oidc_claims(sub: &str) -> Value {
    json!({"iss": OIDC, "sub": sub, "aud": AUDIENCE, "iat": now(), "exp": now() + 3600})
}

/// `object` with `member` set to `value`.
#[must_use]
pub fn with(mut object: Value, member: &str, value: Value) -> Value {
    object.as_object_mut().unwrap().insert(member.to_owned(), value);
    object
}

/// `object` without `member`.
#[must_use]
pub fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

/// The current time in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Issuers that publish their keys in memory. Clones share the keys, so a test can keep one and pass one to a verifier.
#[derive(Clone, Default)]
pub struct InMemoryKeys(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// The published sets by `iss`. An issuer without an entry is down.
    published: HashMap<String, Value>,
    fetches: usize,
    delay: Duration,
}

impl InMemoryKeys {
    /// All issuers are down at first.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the keys that `issuer` publishes.
    pub fn publish(&self, issuer: &str, keys: &[&SigningKey]) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        self.publish_set(issuer, json!({"keys": keys}));
    }

    /// Replaces the document that `issuer` publishes, which need not be a valid JWK set.
    pub fn publish_set(&self, issuer: &str, set: Value) {
        let mut inner = self.0.lock().unwrap();
        inner.published.insert(issuer.to_owned(), set);
    }

    /// Makes fetches from `issuer` fail with status 503.
    pub fn take_down(&self, issuer: &str) {
        self.0.lock().unwrap().published.remove(issuer);
    }

    /// Delays each response.
    pub fn delay(&self, delay: Duration) {
        self.0.lock().unwrap().delay = delay;
    }

    /// The number of fetches so far, from all issuers.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.0.lock().unwrap().fetches
    }
}

impl FetchKeys for InMemoryKeys {
    fn fetch<'a>(&'a self, issuer: &'a Issuer) -> FetchFuture<'a> {
        let (delay, set) = {
            let mut inner = self.0.lock().unwrap();
            inner.fetches += 1;
            let set = inner.published.get(issuer.issuer()).cloned();
            (inner.delay, set)
        };
        Box::pin(async move {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            Ok(serde_json::from_value(set.ok_or(FetchError::Status(503))?)?)
        })
    }
}
