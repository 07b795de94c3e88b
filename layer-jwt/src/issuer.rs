//! The issuers whose tokens are trusted, as the operator names them in `TRUSTED_ISSUERS`.

use std::collections::HashSet;

use reqwest::Url;
use serde::Deserialize;

/// Why a list of issuers is refused. The message is for the operator who wrote the list.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// Not a JSON list of objects with the known members.
    #[error("the trusted issuers are not the expected JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The list is empty: no token could ever be accepted.
    #[error("the list of trusted issuers is empty")]
    Empty,
    /// `issuer` is empty or has space around it, so that it could never equal a token's `iss`.
    #[error("issuer {0:?} is empty or has space around it")]
    Name(String),
    /// The JWKS URL, given or derived from the issuer, can't be used.
    #[error("issuer {issuer}: the JWKS URL {url:?} {problem}")]
    JwksUrl {
        /// The issuer as configured.
        issuer: String,
        /// The URL as configured or derived.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// `audiences` is empty or one of them is.
    #[error("issuer {0}: name at least one audience, and none that is empty")]
    Audience(String),
    /// An issuer of kind `oidc` without an alias.
    #[error("issuer {0}: kind \"oidc\" needs an alias")]
    AliasMissing(String),
    /// An issuer of kind `cognito` with an alias.
    #[error("issuer {0}: kind \"cognito\" has no alias, its users go by their user names alone")]
    AliasOfPool(String),
    /// An alias that is not 1 to 32 of `a-z`, `0-9` and `-`.
    #[error("issuer {issuer}: alias {alias:?} is not 1 to 32 of a-z, 0-9 and -")]
    Alias {
        /// The issuer as configured.
        issuer: String,
        /// The alias as configured.
        alias: String,
    },
    /// Two entries with the same `issuer`.
    #[error("issuer {0} is listed twice")]
    DuplicateIssuer(String),
    /// Two issuers with the same alias, whose users would share their names.
    #[error("alias {0:?} is given to two issuers")]
    DuplicateAlias(String),
    /// Two user pools, whose users would share their names.
    #[error("more than one issuer of kind \"cognito\": their users would share names")]
    SecondPool,
}

/// Which rules an issuer's tokens follow, and how its users are told apart from other issuers'.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user pool. Its ID tokens name our client in `aud`, its access tokens in `client_id`.
    Cognito,
    /// Any OpenID Connect issuer. Its tokens name us in `aud`.
    Oidc {
        /// Stands before the names of this issuer's users: 1 to 32 of `a-z`, `0-9`, `-`; no other issuer has it.
        alias: String,
    },
}

/// One trusted issuer. Whoever has one knows that its members were checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Entry")]
pub struct Issuer {
    iss: String,
    jwks_url: String,
    audiences: Vec<String>,
    kind: Kind,
}

impl Issuer {
    /// The exact value of the claim `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.iss
    }

    /// Where the issuer publishes its keys.
    #[must_use]
    pub fn jwks_url(&self) -> &str {
        &self.jwks_url
    }

    /// The audiences, or client ids of a pool, of which a token must name one.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// Which rules its tokens follow.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What stands before the names of its users; `None` for the user pool.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        match &self.kind {
            Kind::Cognito => None,
            Kind::Oidc { alias } => Some(alias),
        }
    }
}

/// One or more issuers, no two of which share an `iss` or the names of their users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuers(Vec<Issuer>);

impl Issuers {
    /// Reads the JSON list of `TRUSTED_ISSUERS`: `[{"issuer", "jwks_url"?, "audiences", "alias"?, "kind"}]`.
    /// `jwks_url` is `{issuer}/.well-known/jwks.json` when left out.
    ///
    /// # Errors
    /// [`IssuerError`] says which entry is wrong, and how.
    pub fn from_json(json: &str) -> Result<Self, IssuerError> {
        let entries: Vec<Entry> = serde_json::from_str(json)?;
        let issuers = entries.into_iter().map(Issuer::try_from).collect::<Result<Vec<_>, _>>()?;
        Self::new(issuers)
    }

    /// A list of issuers that were made one by one.
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

    /// The issuers in the order given.
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

/// An entry of the list as written. Unknown members are refused: `audience` for `audiences` must not pass unseen.
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
            return Err(IssuerError::JwksUrl { issuer, url: jwks_url, problem });
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

/// Keys read over plain HTTP could be anybody's, so that is for an issuer on this host alone (the local cloud, tests).
fn check_jwks_url(url: &str) -> Result<(), &'static str> {
    let url = Url::parse(url).map_err(|_| "is not an absolute URL")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password");
    }
    let host = url.host_str().ok_or("names no host")?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        _ => Err("must be https (http only for localhost)"),
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

    fn read(entries: &[serde_json::Value]) -> Result<Issuers, IssuerError> {
        Issuers::from_json(&json!(entries).to_string())
    }

    #[test]
    fn a_pool_and_an_openid_issuer_are_read() {
        let issuers = read(&[pool(), oidc()]).unwrap();
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
    fn a_single_issuer_is_checked_when_deserialized() {
        assert!(serde_json::from_value::<Issuer>(oidc()).is_ok());
        assert!(serde_json::from_value::<Issuer>(with(oidc(), "alias", json!("a/b"))).is_err());
    }

    #[test]
    fn the_jwks_url_can_be_given() {
        let url = "https://keys.example/jwks";
        let issuers = read(&[with(pool(), "jwks_url", json!(url))]).unwrap();
        assert_eq!(issuers.iter().next().unwrap().jwks_url(), url);
    }

    #[test]
    fn plain_http_is_for_this_host_alone() {
        for url in [
            "http://localhost:4566/pool/.well-known/jwks.json",
            "http://cognito.localhost:4566/jwks",
            "http://127.0.0.1:1/jwks",
            "http://[::1]:1/jwks",
        ] {
            assert!(read(&[with(pool(), "jwks_url", json!(url))]).is_ok(), "{url}");
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
            assert!(matches!(read(&[with(pool(), "jwks_url", json!(url))]), Err(IssuerError::JwksUrl { .. })), "{url}");
        }
    }

    #[test]
    fn wrong_entries_are_refused_with_their_reason() {
        use IssuerError as E;
        assert!(matches!(read(&[]), Err(E::Empty)));
        assert!(matches!(Issuers::from_json("{"), Err(E::Json(_))));
        assert!(matches!(read(&[with(pool(), "audience", json!("client"))]), Err(E::Json(_))));
        assert!(matches!(read(&[with(pool(), "kind", json!("saml"))]), Err(E::Json(_))));
        assert!(matches!(read(&[with(pool(), "issuer", json!(""))]), Err(E::Name(_))));
        assert!(matches!(read(&[with(pool(), "issuer", json!(format!("{POOL} ")))]), Err(E::Name(_))));
        assert!(matches!(read(&[with(pool(), "audiences", json!([]))]), Err(E::Audience(_))));
        assert!(matches!(read(&[with(pool(), "audiences", json!(["a", ""]))]), Err(E::Audience(_))));
        assert!(matches!(read(&[with(pool(), "alias", json!("pool"))]), Err(E::AliasOfPool(_))));
        assert!(matches!(read(&[with(oidc(), "alias", json!(null))]), Err(E::AliasMissing(_))));
        for alias in ["", "A", "a~b", "a/b", "..", "ä", &"a".repeat(33)] {
            assert!(matches!(read(&[with(oidc(), "alias", json!(alias))]), Err(E::Alias { .. })), "{alias}");
        }
        assert!(read(&[with(oidc(), "alias", json!("a".repeat(32)))]).is_ok());
    }

    #[test]
    fn issuers_never_share_a_name() {
        use IssuerError as E;
        let second = with(oidc(), "issuer", json!("https://other.example/"));
        assert!(matches!(read(&[pool(), pool()]), Err(E::DuplicateIssuer(_))));
        assert!(matches!(read(&[oidc(), second.clone()]), Err(E::DuplicateAlias(_))));
        assert!(read(&[oidc(), with(second, "alias", json!("other"))]).is_ok());
        assert!(matches!(read(&[pool(), with(pool(), "issuer", json!(format!("{POOL}2")))]), Err(E::SecondPool)));
    }
}
