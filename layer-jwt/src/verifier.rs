//! The verifier: finds the issuer and the key of a token, and checks its signature and claims.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::cache::IssuerKeys;
use crate::claims::Claims;
use crate::clock;
use crate::error::{Refusal, VerifyError};
use crate::fetch::{FetchKeys, HttpKeys};
use crate::issuer::Issuers;
use crate::keys_file::KeysFile;
use crate::token::UnverifiedToken;

/// Verifies tokens from the trusted issuers. Create it once, since it caches the keys, and share it.
pub struct Verifier {
    /// The keys by the value of `iss`.
    issuers: HashMap<String, IssuerKeys>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers: Vec<_> = self.issuers.keys().collect();
        formatter.debug_struct("Verifier").field("issuers", &issuers).finish_non_exhaustive()
    }
}

impl Verifier {
    /// A verifier for a Lambda function. If the function has the extension, the keys come from the extension's file;
    /// without the extension, or if a key is not in the file, they come from the issuer over HTTP.
    #[must_use]
    pub fn for_lambda(issuers: &Issuers) -> Self {
        let file = KeysFile::from_extension();
        if let Some(file) = &file {
            tracing::info!(path = %file.path().display(), "the extension keeps the issuers' keys for this function");
        } else {
            tracing::info!("there is no extension; this function fetches the issuers' keys itself");
        }
        Self::with_keys_file(issuers, HttpKeys::new(), file)
    }

    /// A verifier that gets an issuer's keys from `fetch` when a token first needs them.
    pub fn new(issuers: &Issuers, fetch: impl FetchKeys + 'static) -> Self {
        Self::with_keys_file(issuers, fetch, None)
    }

    /// A verifier that looks for keys in `file` before it calls `fetch`.
    pub fn with_keys_file(issuers: &Issuers, fetch: impl FetchKeys + 'static, file: Option<KeysFile>) -> Self {
        let fetch: Arc<dyn FetchKeys> = Arc::new(fetch);
        let file = file.map(Arc::new);
        let issuers = issuers.iter().map(|issuer| {
            let keys = IssuerKeys::new(issuer.clone(), Arc::clone(&fetch), file.clone());
            (issuer.issuer().to_owned(), keys)
        });
        Self { issuers: issuers.collect() }
    }

    /// Verifies a token and returns its claims.
    ///
    /// - The token has at most [`MAX_TOKEN_BYTES`](crate::policy::MAX_TOKEN_BYTES).
    /// - `iss` is exactly the name of a trusted issuer.
    /// - `kid` is the id of a key that this issuer publishes, `alg` is the algorithm of that key (RS256 or ES256), and
    ///   the signature is valid. Keys and key URLs in the token are ignored. A header with `crit` is refused.
    /// - `exp` is required and `nbf` optional; both are numbers, with a [`LEEWAY`](crate::policy::LEEWAY).
    /// - `sub` is a non-empty string.
    /// - User pool: `token_use` is `id` and `aud` is the client id, or `token_use` is `access` and `client_id` is. The
    ///   user name is a non-empty string.
    /// - Other issuers: `aud` is or contains one of the configured audiences.
    ///
    /// # Errors
    /// [`VerifyError::Invalid`] if the token breaks a rule, [`VerifyError::Unavailable`] if its issuer's keys are
    /// needed and cannot be fetched. Never [`VerifyError::Missing`].
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let token = UnverifiedToken::parse(token)?;
        let keys = self.issuers.get(&token.payload.iss).ok_or(Refusal::UnknownIssuer)?;
        let key = keys.key(&token.kid).await?;
        token.check_signature(&key)?;
        Ok(token.payload.check(keys.issuer(), clock::now())?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{EncodingKey, Header};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::claims::TokenUse;
    use crate::policy::MAX_TOKEN_BYTES;
    use crate::testing::{
        ALIAS, AUDIENCE, CLIENT, InMemoryKeys, OIDC, POOL, SigningKey, TRUSTED_ISSUERS, access_claims, id_claims, now,
        oidc_claims, with, without,
    };

    /// The pool publishes an RSA key and a P-256 key, the other issuer a P-256 key.
    static RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::rs256("rsa"));
    static EC: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("ec"));
    static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("other"));

    fn verifier() -> (Verifier, InMemoryKeys) {
        let keys = InMemoryKeys::new();
        keys.publish(POOL, &[&RSA, &EC]);
        keys.publish(OIDC, &[&OTHER]);
        let issuers = Issuers::from_json(TRUSTED_ISSUERS).unwrap();
        (Verifier::new(&issuers, keys.clone()), keys)
    }

    fn verify(token: &str) -> Result<Claims, VerifyError> {
        static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| verifier().0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(VERIFIER.verify(token))
    }

    fn refusal(token: &str) -> Option<Refusal> {
        match verify(token) {
            Err(VerifyError::Invalid(refusal)) => Some(refusal),
            Ok(_) | Err(VerifyError::Missing | VerifyError::Unavailable { .. }) => None,
        }
    }

    fn pool_refusal(claims: &Value) -> Option<Refusal> {
        refusal(&RSA.token(claims))
    }

    fn oidc_refusal(claims: &Value) -> Option<Refusal> {
        refusal(&OTHER.token(claims))
    }

    #[test]
    fn an_id_token_from_the_pool_yields_all_claims() {
        let claims = verify(&RSA.token(&with(id_claims("ann"), "exp", json!(now() + 5)))).unwrap();
        assert!(
            claims
                == Claims {
                    issuer_alias: None,
                    sub: "sub-of-ann".into(),
                    username: Some("ann".into()),
                    email: Some("ann@example.com".into()),
                    token_use: Some(TokenUse::Id),
                    exp: now() + 5,
                }
        );
    }

    #[test]
    fn an_access_token_from_the_pool_yields_no_email_address() {
        let claims = verify(&RSA.token(&access_claims("ann"))).unwrap();
        assert_eq!(claims.username.as_deref(), Some("ann"));
        assert_eq!(claims.email, None);
        assert_eq!(claims.token_use, Some(TokenUse::Access));
    }

    #[test]
    fn a_token_from_another_issuer_yields_its_alias_and_no_user_name() {
        let claims = verify(&OTHER.token(&with(oidc_claims("auth0|1"), "username", json!("ann")))).unwrap();
        assert_eq!(claims.issuer_alias.as_deref(), Some(ALIAS));
        assert_eq!(claims.sub, "auth0|1");
        assert_eq!(claims.username, None);
        assert_eq!(claims.token_use, None);
    }

    #[test]
    fn both_algorithms_are_accepted() {
        assert!(verify(&RSA.token(&id_claims("ann"))).is_ok());
        assert!(verify(&EC.token(&id_claims("ann"))).is_ok());
    }

    #[test]
    fn an_unverified_email_address_is_dropped() {
        let email = |claims: Value| verify(&RSA.token(&claims)).unwrap().email;
        let verified = |value: Value| email(with(id_claims("ann"), "email_verified", value));
        assert!(verified(json!(true)).is_some());
        assert!(verified(json!("true")).is_some());
        for value in [json!(false), json!("false"), json!(1), json!(null), json!("TRUE"), json!(["true"])] {
            assert_eq!(verified(value), None);
        }
        assert_eq!(email(without(id_claims("ann"), "email_verified")), None);
        assert_eq!(email(with(id_claims("ann"), "email", json!(""))), None);
        assert_eq!(email(with(id_claims("ann"), "email", json!(["a@b"]))), None);
    }

    #[test]
    fn debug_output_and_errors_contain_no_personal_data() {
        let claims = verify(&RSA.token(&id_claims("ann"))).unwrap();
        assert!(!format!("{claims:?}").contains("ann"));
        let error = verify(&RSA.token(&with(id_claims("ann"), "exp", json!("ann")))).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("ann"));
    }

    #[test]
    fn a_token_over_16_kib_is_refused() {
        let claims = with(id_claims("ann"), "padding", json!("x".repeat(MAX_TOKEN_BYTES)));
        assert_eq!(pool_refusal(&claims), Some(Refusal::TooLong));
        assert_eq!(refusal(&"x".repeat(100 * 1024)), Some(Refusal::TooLong));
        let nearly = with(id_claims("ann"), "padding", json!("x".repeat(11_000)));
        assert_eq!(pool_refusal(&nearly), None);
    }

    #[test]
    fn a_malformed_token_is_refused() {
        let token = RSA.token(&id_claims("ann"));
        let (header, rest) = token.split_once('.').unwrap();
        for text in [
            "",
            ".",
            "..",
            "...",
            "a.b.c",
            header,
            rest,
            &format!("{token}."),
            &format!(".{token}"),
            &format!("{token}.{rest}"),
            &format!(" {token}"),
            &RSA.token_of_parts("[]", &id_claims("ann").to_string()),
            &RSA.token_of_parts("{", &id_claims("ann").to_string()),
            &RSA.token_of_parts(r#"{"alg": "RS256", "kid": "rsa"}"#, "null"),
            &RSA.token_of_parts(r#"{"alg": "RS256", "kid": "rsa"}"#, &"[".repeat(5000)),
        ] {
            assert_eq!(refusal(text), Some(Refusal::Malformed), "{text}");
        }
        for text in [format!("{token}\n"), format!("{token}=")] {
            assert_eq!(refusal(&text), Some(Refusal::Signature), "{text}");
        }
    }

    #[test]
    fn a_duplicate_member_is_refused() {
        let claims = id_claims("ann").to_string();
        let header = r#"{"alg": "RS256", "kid": "rsa"}"#;
        assert_eq!(refusal(&RSA.token_of_parts(header, &claims)), None);
        let header = r#"{"alg": "RS256", "kid": "other", "kid": "rsa"}"#;
        let twice = RSA.token_of_parts(header, &claims);
        assert_eq!(refusal(&twice), Some(Refusal::Malformed));
        let claims = claims.replacen('{', r#"{"exp": 1,"#, 1);
        let twice = RSA.token_of_parts(r#"{"alg": "RS256", "kid": "rsa"}"#, &claims);
        assert_eq!(refusal(&twice), Some(Refusal::Malformed));
    }

    #[test]
    fn other_algorithms_are_refused() {
        for alg in ["none", "None", "", "HS256", "RS384", "RS512", "PS256", "ES384", "EdDSA", "rs256"] {
            let header = json!({"alg": alg, "kid": "rsa"});
            let token = RSA.token_with_header(&header, &id_claims("ann"));
            assert_eq!(refusal(&token), Some(Refusal::Algorithm), "{alg}");
        }
        let unsigned = RSA.token_with_header(&json!({"alg": "none", "kid": "rsa"}), &id_claims("ann"));
        let (message, _) = unsigned.rsplit_once('.').unwrap();
        assert_eq!(refusal(&format!("{message}.")), Some(Refusal::Algorithm));
        let token = RSA.token_with_header(&json!({"kid": "rsa"}), &id_claims("ann"));
        assert_eq!(refusal(&token), Some(Refusal::Malformed));
    }

    #[test]
    fn the_public_key_is_not_accepted_as_a_shared_secret() {
        let modulus = RSA.jwk()["n"].as_str().unwrap().to_owned();
        for secret in [RSA.jwk().to_string().into_bytes(), URL_SAFE_NO_PAD.decode(modulus).unwrap()] {
            let mut header = Header::new(jsonwebtoken::Algorithm::HS256);
            header.kid = Some("rsa".into());
            let key = EncodingKey::from_secret(&secret);
            let token = jsonwebtoken::encode(&header, &id_claims("ann"), &key).unwrap();
            assert_eq!(refusal(&token), Some(Refusal::Algorithm));
        }
    }

    #[test]
    fn the_algorithm_must_be_that_of_the_key() {
        let token =
            |alg, kid, key: &SigningKey| key.token_with_header(&json!({"alg": alg, "kid": kid}), &id_claims("ann"));
        assert_eq!(refusal(&token("RS256", "rsa", &RSA)), None);
        assert_eq!(refusal(&token("ES256", "rsa", &RSA)), Some(Refusal::Algorithm));
        assert_eq!(refusal(&token("RS256", "ec", &EC)), Some(Refusal::Algorithm));
        assert_eq!(refusal(&token("ES256", "rsa", &EC)), Some(Refusal::Algorithm));
    }

    #[test]
    fn keys_and_key_urls_in_a_token_are_ignored() {
        let stranger = SigningKey::rs256("rsa");
        let header = json!({
            "alg": "RS256", "kid": "rsa", "jwk": stranger.jwk(),
            "jku": "https://stranger.example/jwks.json", "x5u": "https://stranger.example/", "x5c": ["c3RyYW5nZXI="],
        });
        let forged = stranger.token_with_header(&header, &id_claims("ann"));
        assert_eq!(refusal(&forged), Some(Refusal::Signature));
        let own = RSA.token_with_header(&header, &id_claims("ann"));
        assert_eq!(refusal(&own), None);
        let nonsense = json!({"alg": "RS256", "kid": "rsa", "jwk": 1, "jku": [], "x5u": null, "x5c": "x", "typ": 1});
        assert_eq!(refusal(&RSA.token_with_header(&nonsense, &id_claims("ann"))), None);
    }

    #[test]
    fn crit_is_refused_with_any_value() {
        for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!(null), json!(true)] {
            let header = json!({"alg": "RS256", "kid": "rsa", "crit": crit, "b64": true});
            let token = RSA.token_with_header(&header, &id_claims("ann"));
            assert_eq!(refusal(&token), Some(Refusal::Critical), "{header}");
        }
    }

    #[test]
    fn a_token_must_name_a_key_of_its_own_issuer() {
        let token = |header: Value| RSA.token_with_header(&header, &id_claims("ann"));
        assert_eq!(refusal(&token(json!({"alg": "RS256"}))), Some(Refusal::NoKeyId));
        assert_eq!(refusal(&token(json!({"alg": "RS256", "kid": null}))), Some(Refusal::NoKeyId));
        assert_eq!(refusal(&token(json!({"alg": "RS256", "kid": 1}))), Some(Refusal::Malformed));
        assert_eq!(refusal(&token(json!({"alg": "RS256", "kid": "nobody"}))), Some(Refusal::UnknownKey));
        assert_eq!(refusal(&OTHER.token(&id_claims("ann"))), Some(Refusal::UnknownKey));
        assert_eq!(refusal(&RSA.token(&oidc_claims("ann"))), Some(Refusal::UnknownKey));
    }

    #[test]
    fn a_forged_signature_is_refused() {
        let forged = SigningKey::rs256("rsa").token(&id_claims("ann"));
        assert_eq!(refusal(&forged), Some(Refusal::Signature));
        let forged = SigningKey::es256("ec").token(&id_claims("ann"));
        assert_eq!(refusal(&forged), Some(Refusal::Signature));
        let ann = RSA.token(&id_claims("ann"));
        let ben = RSA.token(&id_claims("ben"));
        let (_, signature) = ann.rsplit_once('.').unwrap();
        let (message, _) = ben.rsplit_once('.').unwrap();
        assert_eq!(refusal(&format!("{message}.{signature}")), Some(Refusal::Signature));
        assert_eq!(refusal(&format!("{message}.")), Some(Refusal::Signature));
        // CVE-2022-21449: an ECDSA signature of zeros.
        let ec = EC.token(&id_claims("ann"));
        let (message, _) = ec.rsplit_once('.').unwrap();
        let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
        assert_eq!(refusal(&format!("{message}.{zeros}")), Some(Refusal::Signature));
    }

    #[test]
    fn the_issuer_is_compared_exactly() {
        for iss in [
            format!("{POOL}/"),
            POOL.to_uppercase(),
            format!(" {POOL}"),
            POOL.replace("https", "http"),
            OIDC.trim_end_matches('/').to_owned(),
            String::new(),
        ] {
            let claims = with(id_claims("ann"), "iss", json!(iss));
            assert_eq!(pool_refusal(&claims), Some(Refusal::UnknownIssuer), "{iss}");
        }
        for iss in [json!([POOL]), json!(null), json!(1)] {
            let claims = with(id_claims("ann"), "iss", iss);
            assert_eq!(pool_refusal(&claims), Some(Refusal::Malformed));
        }
        let claims = without(id_claims("ann"), "iss");
        assert_eq!(pool_refusal(&claims), Some(Refusal::Malformed));
    }

    #[test]
    fn an_expired_token_is_refused_after_a_minute_of_leeway() {
        let exp = |exp: Value| pool_refusal(&with(id_claims("ann"), "exp", exp));
        assert_eq!(exp(json!(now() - 50)), None);
        assert_eq!(exp(json!(now() - 60)), Some(Refusal::Expired));
        assert_eq!(exp(json!(0)), Some(Refusal::Expired));
        assert_eq!(exp(json!(1.5)), Some(Refusal::Expired));
        assert_eq!(exp(json!(u64::MAX - 1)), Some(Refusal::Claim("exp")));
    }

    #[test]
    fn exp_must_be_a_number() {
        let exp = |exp: Value| pool_refusal(&with(id_claims("ann"), "exp", exp));
        for value in [json!((now() + 3600).to_string()), json!(null), json!(true), json!([]), json!(-1), json!(1e300)] {
            assert_eq!(exp(value), Some(Refusal::Claim("exp")));
        }
        assert_eq!(pool_refusal(&without(id_claims("ann"), "exp")), Some(Refusal::Claim("exp")));
        let claims = id_claims("ann").to_string().replacen('{', r#"{"nbf": 1e999,"#, 1);
        let token = RSA.token_of_parts(r#"{"alg": "RS256", "kid": "rsa"}"#, &claims);
        assert_eq!(refusal(&token), Some(Refusal::Malformed));
        assert_eq!(exp(json!(f64::from(u32::MAX) + 0.5)), None);
    }

    #[test]
    fn nbf_must_be_a_number_and_has_a_minute_of_leeway() {
        let nbf = |nbf: Value| pool_refusal(&with(id_claims("ann"), "nbf", nbf));
        assert_eq!(nbf(json!(now())), None);
        assert_eq!(nbf(json!(now() + 50)), None);
        assert_eq!(nbf(json!(now() + 70)), Some(Refusal::NotYetValid));
        for value in [json!(now().to_string()), json!(null), json!(false), json!({}), json!(-1)] {
            assert_eq!(nbf(value), Some(Refusal::Claim("nbf")));
        }
    }

    #[test]
    fn a_token_from_the_pool_must_be_for_our_client() {
        let id = |aud: Value| pool_refusal(&with(id_claims("ann"), "aud", aud));
        assert_eq!(id(json!("another")), Some(Refusal::Claim("aud")));
        assert_eq!(id(json!("")), Some(Refusal::Claim("aud")));
        assert_eq!(id(json!(null)), Some(Refusal::Claim("aud")));
        let access = |id: Value| pool_refusal(&with(access_claims("ann"), "client_id", id));
        assert_eq!(access(json!("another")), Some(Refusal::Claim("client_id")));
        assert_eq!(access(json!([CLIENT])), Some(Refusal::Claim("client_id")));
        assert_eq!(pool_refusal(&without(access_claims("ann"), "client_id")), Some(Refusal::Claim("client_id")));
    }

    #[test]
    fn an_id_token_needs_aud_and_an_access_token_needs_client_id() {
        let id = with(without(id_claims("ann"), "aud"), "client_id", json!(CLIENT));
        assert_eq!(pool_refusal(&id), Some(Refusal::Claim("aud")));
        let access = with(without(access_claims("ann"), "client_id"), "aud", json!(CLIENT));
        assert_eq!(pool_refusal(&access), Some(Refusal::Claim("client_id")));
        for token_use in [json!("refresh"), json!("ID"), json!(""), json!(null), json!(["id"])] {
            let claims = with(with(id_claims("ann"), "client_id", json!(CLIENT)), "token_use", token_use);
            assert_eq!(pool_refusal(&claims), Some(Refusal::Claim("token_use")));
        }
        assert_eq!(pool_refusal(&without(id_claims("ann"), "token_use")), Some(Refusal::Claim("token_use")));
    }

    #[test]
    fn a_token_from_the_pool_must_have_a_user_name() {
        for name in [json!(""), json!(null), json!(1)] {
            let claims = with(id_claims("ann"), "cognito:username", name);
            assert_eq!(pool_refusal(&claims), Some(Refusal::Claim("username")));
        }
        let claims = without(access_claims("ann"), "username");
        assert_eq!(pool_refusal(&claims), Some(Refusal::Claim("username")));
    }

    #[test]
    fn every_token_must_have_a_non_empty_string_as_sub() {
        let refused = Some(Refusal::Claim("sub"));
        for sub in [json!(""), json!(null), json!(1), json!(true), json!(["ann"]), json!({"sub": "ann"})] {
            assert_eq!(pool_refusal(&with(id_claims("ann"), "sub", sub.clone())), refused, "{sub}");
            assert_eq!(pool_refusal(&with(access_claims("ann"), "sub", sub.clone())), refused, "{sub}");
            assert_eq!(oidc_refusal(&with(oidc_claims("ann"), "sub", sub.clone())), refused, "{sub}");
        }
        assert_eq!(pool_refusal(&without(id_claims("ann"), "sub")), refused);
        assert_eq!(pool_refusal(&without(access_claims("ann"), "sub")), refused);
        assert_eq!(oidc_refusal(&without(oidc_claims("ann"), "sub")), refused);
    }

    #[test]
    fn cognito_username_takes_precedence_over_username() {
        let name = |claims: Value| verify(&RSA.token(&claims)).unwrap().username;
        assert_eq!(name(with(id_claims("ann"), "username", json!("ben"))).as_deref(), Some("ann"));
        assert_eq!(name(with(access_claims("ann"), "cognito:username", json!("ben"))).as_deref(), Some("ben"));
        assert_eq!(name(with(access_claims("ann"), "cognito:username", json!(""))).as_deref(), Some("ann"));
    }

    #[test]
    fn a_duplicate_sub_is_refused() {
        let claims = id_claims("ann").to_string().replacen('{', r#"{"sub": "ben","#, 1);
        let twice = RSA.token_of_parts(r#"{"alg": "RS256", "kid": "rsa"}"#, &claims);
        assert_eq!(refusal(&twice), Some(Refusal::Malformed));
    }

    #[test]
    fn a_token_from_another_issuer_must_be_for_our_audience() {
        let aud = |aud: Value| oidc_refusal(&with(oidc_claims("ann"), "aud", aud));
        assert_eq!(aud(json!([AUDIENCE])), None);
        assert_eq!(aud(json!(["https://tenant.auth0.example/userinfo", AUDIENCE])), None);
        for value in [
            json!("another"),
            json!(["another"]),
            json!([]),
            json!(null),
            json!({"a": AUDIENCE}),
            json!([[AUDIENCE]]),
            json!(format!("{AUDIENCE} ")),
            json!(CLIENT),
        ] {
            assert_eq!(aud(value.clone()), Some(Refusal::Claim("aud")), "{value}");
        }
        assert_eq!(oidc_refusal(&without(oidc_claims("ann"), "aud")), Some(Refusal::Claim("aud")));
        let claims = with(without(oidc_claims("ann"), "aud"), "client_id", json!(AUDIENCE));
        assert_eq!(oidc_refusal(&claims), Some(Refusal::Claim("aud")));
    }

    #[test]
    fn azp_is_ignored() {
        let claims = with(oidc_claims("ann"), "aud", json!([AUDIENCE, "https://tenant.auth0.example/userinfo"]));
        assert_eq!(oidc_refusal(&with(claims, "azp", json!("a-client"))), None);
    }

    #[test]
    fn claims_that_an_issuer_does_not_need_may_have_any_type() {
        let claims = with(with(oidc_claims("ann"), "token_use", json!(1)), "username", json!({}));
        assert_eq!(oidc_refusal(&with(claims, "client_id", json!([]))), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_is_down_makes_only_its_own_tokens_unverifiable() {
        let (verifier, keys) = verifier();
        keys.take_down(POOL);
        let error = verifier.verify(&RSA.token(&id_claims("ann"))).await.unwrap_err();
        assert!(matches!(error, VerifyError::Unavailable { issuer, .. } if issuer == POOL));
        assert!(verifier.verify(&OTHER.token(&oidc_claims("ann"))).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_from_an_untrusted_issuer_causes_no_fetch() {
        let (verifier, keys) = verifier();
        for token in ["a.b.c".to_owned(), RSA.token(&with(id_claims("ann"), "iss", json!("https://stranger.example")))]
        {
            assert!(verifier.verify(&token).await.is_err());
        }
        assert_eq!(keys.fetches(), 0);
    }

    #[tokio::test]
    async fn the_future_of_a_verification_is_send() {
        fn is_send<T: Send>(value: T) -> T {
            value
        }
        let verifier = Arc::new(verifier().0);
        let token = RSA.token(&id_claims("ann"));
        let task = is_send(async move { verifier.verify(&token).await.is_ok() });
        assert!(tokio::spawn(task).await.unwrap());
    }

    fn any_token() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(RSA.token(&id_claims("ann"))),
            Just(EC.token(&access_claims("ann"))),
            Just(OTHER.token(&oidc_claims("ann"))),
        ]
    }

    fn any_json() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|value| json!(value)),
            any::<f64>().prop_map(|value| json!(value)),
            any::<i64>().prop_map(|value| json!(value)),
            any::<u64>().prop_map(|value| json!(value)),
            ".{0,20}".prop_map(|value| json!(value)),
            prop::collection::vec(".{0,20}", 0..3).prop_map(|value| json!(value)),
        ]
    }

    proptest! {
        #[test]
        fn a_token_with_a_changed_byte_is_refused(
            token in any_token(), index: prop::sample::Index, flipped_bits in 1_u8..128,
        ) {
            let mut bytes = token.into_bytes();
            *index.get_mut(&mut bytes) ^= flipped_bits;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert!(refusal(&changed).is_some());
        }

        #[test]
        fn a_truncated_or_extended_token_is_refused(
            token in any_token(), index: prop::sample::Index, added in "[A-Za-z0-9_.=-]{1,4}",
        ) {
            let at = index.index(token.len());
            prop_assert!(refusal(token.split_at(at).0).is_some());
            let mut longer = token;
            longer.insert_str(at, &added);
            prop_assert!(refusal(&longer).is_some());
        }

        #[test]
        fn sub_is_returned_exactly_as_signed_or_refused(
            claims in prop_oneof![Just(id_claims("ann")), Just(access_claims("ann")), Just(oidc_claims("ann"))],
            sub in any_json(),
        ) {
            let key: &SigningKey = if claims["iss"] == POOL { &EC } else { &OTHER };
            let expected = sub.as_str().filter(|sub| !sub.is_empty()).map(str::to_owned);
            match verify(&key.token(&with(claims, "sub", sub))) {
                Ok(claims) => prop_assert_eq!(Some(claims.sub), expected),
                Err(VerifyError::Invalid(refusal)) => {
                    prop_assert_eq!((refusal, expected), (Refusal::Claim("sub"), None));
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }

        #[test]
        fn a_signed_token_with_any_claims_is_handled_without_a_panic(
            member in "iss|sub|exp|nbf|aud|token_use|cognito:username|email|email_verified",
            value in any_json(),
        ) {
            let verified = verify(&EC.token(&with(id_claims("ann"), &member, value)));
            prop_assert!(!matches!(verified, Err(VerifyError::Missing)));
        }
    }
}
