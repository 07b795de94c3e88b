//! What a token says about its bearer, and the rules that it must keep besides its signature.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::issuer::{Issuer, Kind};
use crate::verifier::Refusal;

/// How far an issuer's clock may be off ours.
const LEEWAY: Duration = Duration::from_mins(1);

/// What a verified token says. `Debug` shows nothing of the person.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The alias of the issuer; `None` for the user pool.
    pub issuer_alias: Option<String>,
    /// The issuer's own id of the user, never empty.
    pub sub: String,
    /// The user name: always there, and never empty, in a token of the user pool; `None` for other issuers, whose
    /// users are known by `sub`.
    pub username: Option<String>,
    /// The mail address, if the issuer says that it was verified.
    pub email: Option<String>,
    /// Which of the user pool's two kinds of token it is; `None` for other issuers.
    pub token_use: Option<TokenUse>,
    /// When the token expires, in seconds since 1970.
    pub exp: u64,
}

/// The two kinds of token that the user pool gives for calling an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Says who the user is, with the mail address.
    Id,
    /// Says what the user may do, without the mail address.
    Access,
}

impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Claims")
            .field("issuer_alias", &self.issuer_alias)
            .field("token_use", &self.token_use)
            .field("exp", &self.exp)
            .finish_non_exhaustive()
    }
}

/// The claims as sent, of any type. One of these given twice is an error, so that no two readers see different ones.
#[derive(Deserialize)]
pub(crate) struct Payload {
    pub(crate) iss: String,
    #[serde(default)]
    sub: Value,
    #[serde(default, deserialize_with = "even_null")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "even_null")]
    nbf: Option<Value>,
    #[serde(default)]
    aud: Value,
    #[serde(default)]
    client_id: Value,
    #[serde(default)]
    token_use: Value,
    #[serde(default, rename = "cognito:username")]
    cognito_username: Value,
    #[serde(default)]
    username: Value,
    #[serde(default)]
    email: Value,
    #[serde(default)]
    email_verified: Value,
}

/// Tells `null` from a member that is not there.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Payload {
    /// Checks the claims of a token that `issuer` signed. `now` is the time since 1970.
    pub(crate) fn check(&self, issuer: &Issuer, now: Duration) -> Result<Claims, Refusal> {
        let exp = self.check_times(now)?;
        let token_use = match issuer.kind() {
            Kind::Cognito => Some(self.check_pool_client(issuer)?),
            Kind::Oidc { .. } => {
                self.check_audience(issuer)?;
                None
            }
        };
        let username = match issuer.kind() {
            Kind::Cognito => {
                Some(text(&self.cognito_username).or_else(|| text(&self.username)).ok_or(Refusal::Claim("username"))?)
            }
            Kind::Oidc { .. } => None,
        };
        Ok(Claims {
            issuer_alias: issuer.alias().map(str::to_owned),
            sub: text(&self.sub).ok_or(Refusal::Claim("sub"))?.to_owned(),
            username: username.map(str::to_owned),
            email: self.verified_email().map(str::to_owned),
            token_use,
            exp: exp.as_secs(),
        })
    }

    /// RFC 7519 sections 4.1.4 and 4.1.5: not on or after `exp`, not before `nbf`.
    fn check_times(&self, now: Duration) -> Result<Duration, Refusal> {
        let exp = time(self.exp.as_ref()).map_err(|_| Refusal::Claim("exp"))?;
        let exp = exp.ok_or(Refusal::Claim("exp"))?;
        let nbf = time(self.nbf.as_ref()).map_err(|_| Refusal::Claim("nbf"))?;
        if now >= exp.saturating_add(LEEWAY) {
            return Err(Refusal::Expired);
        }
        if nbf.is_some_and(|nbf| now.saturating_add(LEEWAY) < nbf) {
            return Err(Refusal::NotYetValid);
        }
        Ok(exp)
    }

    /// Amazon Cognito Developer Guide, "Verifying JSON web tokens": the client stands in `aud` of an ID token and in
    /// `client_id` of an access token. Other uses (a refresh token) are refused.
    fn check_pool_client(&self, issuer: &Issuer) -> Result<TokenUse, Refusal> {
        match self.token_use.as_str() {
            Some("id") => {
                self.check_audience(issuer)?;
                Ok(TokenUse::Id)
            }
            Some("access") if names_us(&self.client_id, issuer) => Ok(TokenUse::Access),
            Some("access") => Err(Refusal::Claim("client_id")),
            _ => Err(Refusal::Claim("token_use")),
        }
    }

    /// RFC 7519 section 4.1.3: `aud` is one audience or a list of them, and one must be ours.
    ///
    /// `azp` is not looked at: OpenID Connect Core section 3.1.3.7 ties it to the client of an ID token, but in an
    /// Auth0 access token, which names our API and their user-info endpoint in `aud`, it is the calling client.
    fn check_audience(&self, issuer: &Issuer) -> Result<(), Refusal> {
        let ours = match &self.aud {
            Value::Array(audiences) => audiences.iter().any(|aud| names_us(aud, issuer)),
            aud => names_us(aud, issuer),
        };
        ours.then_some(()).ok_or(Refusal::Claim("aud"))
    }

    /// Cognito says `email_verified` as a boolean in some tokens and as text in others.
    fn verified_email(&self) -> Option<&str> {
        let verified = self.email_verified == Value::Bool(true) || self.email_verified.as_str() == Some("true");
        text(&self.email).filter(|_| verified)
    }
}

fn names_us(value: &Value, issuer: &Issuer) -> bool {
    let ours = |name| issuer.audiences().iter().any(|audience| audience == name);
    value.as_str().is_some_and(ours)
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// A claim is there that should be a time, and is none.
struct NotATime;

/// A `NumericDate` (RFC 7519 section 2): a number of seconds since 1970, fractions allowed.
fn time(value: Option<&Value>) -> Result<Option<Duration>, NotATime> {
    let Some(value) = value else { return Ok(None) };
    let seconds = value.as_f64().ok_or(NotATime)?;
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| NotATime)
}
