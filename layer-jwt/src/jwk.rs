//! Published keys (RFC 7517): which of them can verify a signature, and with which algorithm.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};

use crate::algorithm::Algorithm;

/// The keys that an issuer publishes. Only the public members that are needed to verify a signature are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Published")]
pub struct JwkSet {
    keys: Vec<Jwk>,
}

impl JwkSet {
    /// Whether at least one of the keys can verify a token.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.keys.iter().any(|key| key.kid.is_some() && key.verifying_key().is_some())
    }

    /// The keys that can verify the signature of a token, by id. As RFC 7517 section 5 asks, all others are ignored:
    /// keys without an id, of unsupported types or algorithms, or not meant for signatures.
    pub(crate) fn verifying_keys(&self) -> HashMap<String, VerifyingKey> {
        let mut keys = HashMap::new();
        for jwk in &self.keys {
            let Some(kid) = jwk.kid.as_ref() else {
                continue;
            };
            if let Some(key) = jwk.verifying_key() {
                keys.entry(kid.clone()).or_insert(key);
            }
        }
        keys
    }
}

/// A key and the only algorithm it may be used with. The key determines the algorithm, never the token.
pub(crate) struct VerifyingKey {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// A set as published. A key that cannot be parsed must not invalidate the others.
#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

impl From<Published> for JwkSet {
    fn from(published: Published) -> Self {
        let keys = published.keys.into_iter();
        Self { keys: keys.filter_map(|key| serde_json::from_value(key).ok()).collect() }
    }
}

/// The members from RFC 7517 section 4 and RFC 7518 section 6 that determine whether and how a key is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<String>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    public_key_use: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_ops: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

impl Jwk {
    fn verifying_key(&self) -> Option<VerifyingKey> {
        if !self.is_for_signatures() {
            return None;
        }
        let (algorithm, key) = match self.kty.as_str() {
            "RSA" => (Algorithm::Rs256, self.rsa()?),
            "EC" => (Algorithm::Es256, self.p256()?),
            _ => return None,
        };
        if self.alg.as_ref().is_some_and(|alg| alg != algorithm.name()) {
            return None;
        }
        Some(VerifyingKey { algorithm, key })
    }

    fn is_for_signatures(&self) -> bool {
        self.public_key_use.as_ref().is_none_or(|used| used == "sig")
            && self.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"))
    }

    /// RFC 7518 section 3.3 requires at least 2048 bits; the cryptography library supports at most 8192.
    fn rsa(&self) -> Option<DecodingKey> {
        let modulus = decode(self.n.as_ref()?)?;
        let exponent = decode(self.e.as_ref()?)?;
        let length_fits = (256..=1024).contains(&modulus.len());
        let key = DecodingKey::from_rsa_raw_components(&modulus, &exponent);
        length_fits.then_some(key)
    }

    /// A point on P-256: two coordinates of exactly 32 bytes each (RFC 7518 section 6.2.1).
    fn p256(&self) -> Option<DecodingKey> {
        let (x, y) = (self.x.as_ref()?, self.y.as_ref()?);
        let lengths_fit = decode(x)?.len() == 32 && decode(y)?.len() == 32;
        (self.crv.as_deref() == Some("P-256") && lengths_fit)
            .then(|| DecodingKey::from_ec_components(x, y).ok())
            .flatten()
    }
}

fn decode(member: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(member).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{SigningKey, with, without};

    fn usable(jwk: &Value) -> Option<Algorithm> {
        let set: JwkSet = serde_json::from_value(json!({"keys": [jwk]})).unwrap();
        set.verifying_keys().into_values().next().map(|key| key.algorithm)
    }

    #[test]
    fn the_key_determines_the_algorithm() {
        assert_eq!(usable(&SigningKey::rs256("a").jwk()), Some(Algorithm::Rs256));
        assert_eq!(usable(&SigningKey::es256("a").jwk()), Some(Algorithm::Es256));
    }

    #[test]
    fn use_and_alg_are_optional() {
        for jwk in [SigningKey::rs256("a").jwk(), SigningKey::es256("a").jwk()] {
            assert!(usable(&without(without(jwk, "use"), "alg")).is_some());
        }
    }

    #[test]
    fn a_key_for_another_algorithm_is_ignored() {
        let rsa = SigningKey::rs256("a").jwk();
        for alg in ["PS256", "RS512", "HS256", "ES256", "none", ""] {
            assert_eq!(usable(&with(rsa.clone(), "alg", json!(alg))), None, "{alg}");
        }
        assert_eq!(usable(&with(SigningKey::es256("a").jwk(), "alg", json!("RS256"))), None);
    }

    #[test]
    fn only_keys_for_signatures_are_used() {
        let jwk = SigningKey::rs256("a").jwk();
        assert_eq!(usable(&with(jwk.clone(), "use", json!("enc"))), None);
        assert_eq!(usable(&with(jwk.clone(), "use", json!("other"))), None);
        assert_eq!(usable(&with(jwk.clone(), "key_ops", json!(["encrypt"]))), None);
        assert_eq!(usable(&with(jwk.clone(), "key_ops", json!([]))), None);
        assert!(usable(&with(jwk, "key_ops", json!(["sign", "verify"]))).is_some());
    }

    #[test]
    fn keys_of_other_types_and_invalid_keys_are_ignored() {
        let rsa = SigningKey::rs256("rsa").jwk();
        let ec = SigningKey::es256("ec").jwk();
        let good = SigningKey::es256("good").jwk();
        let short = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let set = json!({"keys": [
            null, 1, "key", {}, {"kty": 5},
            {"kty": "oct", "kid": "oct", "k": "c2VjcmV0"},
            {"kty": "OKP", "kid": "okp", "crv": "Ed25519", "x": "c2VjcmV0"},
            with(rsa.clone(), "n", json!(short)),
            with(rsa.clone(), "n", json!("not base64!")),
            without(rsa.clone(), "e"),
            without(rsa, "kid"),
            with(ec.clone(), "crv", json!("P-384")),
            with(ec.clone(), "crv", json!("secp256k1")),
            with(ec.clone(), "x", json!("c2hvcnQ")),
            without(ec, "y"),
            good,
        ]});
        let keys = serde_json::from_value::<JwkSet>(set).unwrap().verifying_keys();
        assert_eq!(keys.into_keys().collect::<Vec<_>>(), ["good"]);
    }

    #[test]
    fn the_first_of_two_keys_with_the_same_id_is_used() {
        let set = json!({"keys": [SigningKey::es256("a").jwk(), SigningKey::rs256("a").jwk()]});
        let keys = serde_json::from_value::<JwkSet>(set).unwrap().verifying_keys();
        assert_eq!(keys["a"].algorithm, Algorithm::Es256);
    }

    #[test]
    fn a_set_without_a_list_of_keys_is_invalid() {
        assert!(serde_json::from_value::<JwkSet>(json!({})).is_err());
        assert!(serde_json::from_value::<JwkSet>(json!({"keys": {}})).is_err());
    }

    #[test]
    fn private_members_are_dropped() {
        let jwk = with(SigningKey::rs256("a").jwk(), "d", json!("private"));
        let set: JwkSet = serde_json::from_value(json!({"keys": [jwk]})).unwrap();
        assert!(!serde_json::to_string(&set).unwrap().contains("private"));
    }

    proptest! {
        #[test]
        fn a_key_of_random_bytes_verifies_nothing_and_does_not_panic(
            n in prop::collection::vec(any::<u8>(), 254..260),
            e in prop::collection::vec(any::<u8>(), 0..5),
            x in prop::collection::vec(any::<u8>(), 31..34),
            y in prop::collection::vec(any::<u8>(), 31..34),
            signature in prop::collection::vec(any::<u8>(), 0..260),
        ) {
            let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let set = json!({"keys": [
                {"kty": "RSA", "kid": "rsa", "n": text(&n), "e": text(&e)},
                {"kty": "EC", "kid": "ec", "crv": "P-256", "x": text(&x), "y": text(&y)},
            ]});
            let set: JwkSet = serde_json::from_value(set).unwrap();
            for VerifyingKey { algorithm, key } in set.verifying_keys().into_values() {
                for signature in [text(&signature), text(&[0; 64]), text(&n)] {
                    let verified = jsonwebtoken::crypto::verify(&signature, b"message", &key, algorithm.into());
                    prop_assert!(!matches!(verified, Ok(true)));
                }
            }
        }
    }
}
