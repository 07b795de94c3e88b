//! The issuers whose tokens are trusted, as the operator lists them in `TRUSTED_ISSUERS`.

use std::collections::HashSet;

use reqwest::Url;
use serde::Deserialize;

use crate::error::{IssuerError, JwksUrlProblem};

/// Which rules an issuer's tokens follow, and what keeps its users apart from those of other issuers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The Cognito user pool. Its ID tokens have the client id in `aud`, its access tokens in `client_id`.
    Cognito,
    /// Any other OpenID Connect issuer. Its tokens have the audience in `aud`.
    Oidc {
        /// Prefix of this issuer's user ids: 1 to 32 characters from `a-z`, `0-9` and `-`, unique among the issuers.
        alias: String,
    },
}

/// One trusted issuer. Always valid: the fields are checked on construction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Entry")]
pub struct Issuer {
    iss: String,
    jwks_url: String,
    audiences: Vec<String>,
    kind: Kind,
}

impl Issuer {
    /// The exact value that the claim `iss` must have.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.iss
    }

    /// The URL of the JWK set with the issuer's keys.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        &self.jwks_url
    }

    /// A token must be for one of these audiences (for the user pool: client ids).
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The rules for this issuer's tokens.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// The prefix of this issuer's user ids; `None` for the user pool.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        match &self.kind {
            Kind::Cognito => None,
            Kind::Oidc { alias } => Some(alias),
        }
    }
}

/// At least one issuer. No two share an `iss` or an alias, and at most one is a user pool, so user ids never collide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuers(Vec<Issuer>);

impl Issuers {
    /// Parses the JSON list in `TRUSTED_ISSUERS`: `[{"issuer", "jwks_url"?, "audiences", "alias"?, "kind"}]`.
    /// `jwks_url` defaults to `{issuer}/.well-known/jwks.json`.
    ///
    /// # Errors
    /// The [`IssuerError`] names the first invalid entry and the problem.
    pub fn from_json(json: &str) -> Result<Self, IssuerError> {
        let entries: Vec<Entry> = serde_json::from_str(json)?;
        let issuers = entries.into_iter().map(Issuer::try_from).collect::<Result<Vec<_>, _>>()?;
        Self::new(issuers)
    }

    /// A list of issuers that were deserialized one by one.
    ///
    /// # Errors
    /// [`IssuerError::Empty`], [`DuplicateIssuer`](IssuerError::DuplicateIssuer),
    /// [`DuplicateAlias`](IssuerError::DuplicateAlias) or [`SecondPool`](IssuerError::SecondPool).
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, IssuerError> {
        if issuers.is_empty() {
            return Err(IssuerError::Empty);
        }
        let mut names = HashSet::new();
        let mut aliases = HashSet::new();
        for issuer in &issuers {
            if !names.insert(issuer.issuer()) {
                return Err(IssuerError::DuplicateIssuer(issuer.iss.clone()));
            }
            if !aliases.insert(issuer.alias()) {
                return Err(match issuer.alias() {
                    Some(alias) => IssuerError::DuplicateAlias(alias.to_owned()),
                    None => IssuerError::SecondPool,
                });
            }
        }
        Ok(Self(issuers))
    }

    /// The issuers in the order of the list.
    pub fn iter(&self) -> std::slice::Iter<'_, Issuer> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Issuers {
    type Item = &'a Issuer;
    type IntoIter = std::slice::Iter<'a, Issuer>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// An unchecked entry of the list. Unknown members are refused to catch typos such as `audience` for `audiences`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    issuer: String,
    jwks_url: Option<String>,
    audiences: Vec<String>,
    alias: Option<String>,
    kind: EntryKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryKind {
    Cognito,
    Oidc,
}

impl TryFrom<Entry> for Issuer {
    type Error = IssuerError;

    fn try_from(entry: Entry) -> Result<Self, IssuerError> {
        let Entry { issuer, jwks_url, audiences, alias, kind } = entry;
        if issuer.is_empty() || issuer.trim() != issuer {
            return Err(IssuerError::Name(issuer));
        }
        let jwks_url = jwks_url.unwrap_or_else(|| format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/')));
        if let Err(problem) = check_jwks_url(&jwks_url) {
            return Err(IssuerError::JwksUrl { issuer, problem });
        }
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            return Err(IssuerError::Audience(issuer));
        }
        let kind = match (kind, alias) {
            (EntryKind::Cognito, None) => Kind::Cognito,
            (EntryKind::Cognito, Some(_)) => return Err(IssuerError::AliasOfPool(issuer)),
            (EntryKind::Oidc, None) => return Err(IssuerError::AliasMissing(issuer)),
            (EntryKind::Oidc, Some(alias)) if is_alias(&alias) => Kind::Oidc { alias },
            (EntryKind::Oidc, Some(alias)) => return Err(IssuerError::Alias { issuer, alias }),
        };
        Ok(Self { iss: issuer, jwks_url, audiences, kind })
    }
}

fn is_alias(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// Plain HTTP is allowed only for an issuer on this host, such as the local cloud or a test.
fn check_jwks_url(url: &str) -> Result<(), JwksUrlProblem> {
    let url = Url::parse(url).map_err(JwksUrlProblem::NotAbsolute)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(JwksUrlProblem::Credentials);
    }
    let host = url.host_str().ok_or(JwksUrlProblem::NoHost)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        _ => Err(JwksUrlProblem::NotHttps),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POOL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc";

    fn pool() -> serde_json::Value {
        json!({"issuer": POOL, "audiences": ["client"], "kind": "cognito"})
    }

    fn oidc() -> serde_json::Value {
        json!({"issuer": "https://tenant.auth0.com/", "audiences": ["api"], "alias": "auth0", "kind": "oidc"})
    }

    fn with(mut entry: serde_json::Value, member: &str, value: serde_json::Value) -> serde_json::Value {
        entry.as_object_mut().unwrap().insert(member.to_owned(), value);
        entry
    }

    fn parse(entries: &[serde_json::Value]) -> Result<Issuers, IssuerError> {
        Issuers::from_json(&json!(entries).to_string())
    }

    #[test]
    fn a_pool_and_another_issuer_are_parsed() {
        let issuers = parse(&[pool(), oidc()]).unwrap();
        let [pool, oidc] = issuers.0.as_slice() else { unreachable!() };
        assert_eq!(pool.issuer(), POOL);
        assert_eq!(pool.jwks_url(), format!("{POOL}/.well-known/jwks.json"));
        assert_eq!(pool.audiences(), ["client"]);
        assert_eq!((pool.kind(), pool.alias()), (&Kind::Cognito, None));
        assert_eq!(oidc.issuer(), "https://tenant.auth0.com/");
        assert_eq!(oidc.jwks_url(), "https://tenant.auth0.com/.well-known/jwks.json");
        assert_eq!(oidc.alias(), Some("auth0"));
    }

    #[test]
    fn a_single_issuer_is_checked_when_it_is_deserialized() {
        assert!(serde_json::from_value::<Issuer>(oidc()).is_ok());
        assert!(serde_json::from_value::<Issuer>(with(oidc(), "alias", json!("a/b"))).is_err());
    }

    #[test]
    fn the_jwks_url_can_be_configured() {
        let url = "https://keys.example/jwks";
        let issuers = parse(&[with(pool(), "jwks_url", json!(url))]).unwrap();
        assert_eq!(issuers.iter().next().unwrap().jwks_url(), url);
    }

    #[test]
    fn plain_http_is_allowed_for_this_host_only() {
        for url in [
            "http://localhost:4566/pool/.well-known/jwks.json",
            "http://cognito.localhost:4566/jwks",
            "http://127.0.0.1:1/jwks",
            "http://[::1]:1/jwks",
        ] {
            assert!(parse(&[with(pool(), "jwks_url", json!(url))]).is_ok(), "{url}");
        }
        for url in [
            "http://keys.example/jwks",
            "http://localhost.example/jwks",
            "http://127.0.0.1.example/jwks",
            "http://10.0.0.1/jwks",
            "ftp://localhost/jwks",
            "file:///tmp/jwks",
            "https://user:password@keys.example/jwks",
            "/jwks",
            "",
        ] {
            assert!(
                matches!(parse(&[with(pool(), "jwks_url", json!(url))]), Err(IssuerError::JwksUrl { .. })),
                "{url}"
            );
        }
    }

    #[test]
    fn a_refused_jwks_url_is_reported_without_its_password() {
        for (url, problem) in [
            ("/jwks", "is not an absolute URL (relative URL without a base)"),
            ("https://user:secret@keys.example/jwks", "contains a user name or password"),
            ("file:///tmp/jwks", "has no host"),
            ("http://keys.example/jwks", "does not use https (plain http is allowed for localhost only)"),
        ] {
            let error = parse(&[with(pool(), "jwks_url", json!(url))]).unwrap_err();
            assert_eq!(error.to_string(), format!("issuer {POOL}: the JWKS URL {problem}"));
        }
    }

    #[test]
    fn an_invalid_entry_is_refused_with_the_reason() {
        use IssuerError as E;
        assert!(matches!(parse(&[]), Err(E::Empty)));
        assert!(matches!(Issuers::from_json("{"), Err(E::Json(_))));
        assert!(matches!(parse(&[with(pool(), "audience", json!("client"))]), Err(E::Json(_))));
        assert!(matches!(parse(&[with(pool(), "kind", json!("saml"))]), Err(E::Json(_))));
        assert!(matches!(parse(&[with(pool(), "issuer", json!(""))]), Err(E::Name(_))));
        assert!(matches!(parse(&[with(pool(), "issuer", json!(format!("{POOL} ")))]), Err(E::Name(_))));
        assert!(matches!(parse(&[with(pool(), "audiences", json!([]))]), Err(E::Audience(_))));
        assert!(matches!(parse(&[with(pool(), "audiences", json!(["a", ""]))]), Err(E::Audience(_))));
        assert!(matches!(parse(&[with(pool(), "alias", json!("pool"))]), Err(E::AliasOfPool(_))));
        assert!(matches!(parse(&[with(oidc(), "alias", json!(null))]), Err(E::AliasMissing(_))));
        for alias in ["", "A", "a~b", "a/b", "..", "ä", &"a".repeat(33)] {
            assert!(matches!(parse(&[with(oidc(), "alias", json!(alias))]), Err(E::Alias { .. })), "{alias}");
        }
        assert!(parse(&[with(oidc(), "alias", json!("a".repeat(32)))]).is_ok());
    }

    #[test]
    fn issuers_never_share_user_ids() {
        use IssuerError as E;
        let second = with(oidc(), "issuer", json!("https://other.example/"));
        assert!(matches!(parse(&[pool(), pool()]), Err(E::DuplicateIssuer(_))));
        assert!(matches!(parse(&[oidc(), second.clone()]), Err(E::DuplicateAlias(_))));
        assert!(parse(&[oidc(), with(second, "alias", json!("other"))]).is_ok());
        assert!(matches!(parse(&[pool(), with(pool(), "issuer", json!(format!("{POOL}2")))]), Err(E::SecondPool)));
    }
}
