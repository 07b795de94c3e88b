//! The claims of a token and the rules for them. The signature is checked elsewhere.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::Refusal;
use crate::issuer::{Issuer, Kind};
use crate::policy::LEEWAY;

/// The claims of a verified token. `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// The alias of the issuer; `None` for the user pool.
    pub issuer_alias: Option<String>,
    /// The issuer's stable id for the user. Never empty: a token without a non-empty string as `sub` is refused.
    /// OpenID Connect Core section 5.7 makes it the only claim, together with the issuer, that identifies a user.
    pub sub: String,
    /// The user name in the user pool (`cognito:username`, else `username`), never empty; `None` for other issuers.
    /// It does not identify a user: the name of a deleted user can be taken again.
    pub username: Option<String>,
    /// The email address, if the issuer has verified it.
    pub email: Option<String>,
    /// The kind of token from the user pool; `None` for other issuers.
    pub token_use: Option<TokenUse>,
    /// The expiry time, in seconds since 1970.
    pub exp: u64,
}

/// The two kinds of token that the user pool issues for calling an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Contains the user's email address.
    Id,
    /// Contains scopes, but no email address. Cognito requires it for calls on the user's behalf.
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

/// The claims as sent, with any types. A duplicate of one of these members is an error, because another reader of the
/// token might use the other value.
#[derive(Deserialize)]
pub(crate) struct Payload {
    pub(crate) iss: String,
    #[serde(default)]
    sub: Value,
    #[serde(default, deserialize_with = "present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
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

/// Deserializes `null` as a value, to tell it from a missing member.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Payload {
    /// Checks the claims of a token that `issuer` has signed. `now` is the time since 1970.
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
            // A token without a user name was not issued to a user, but to an application (client credentials grant).
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

    /// RFC 7519 sections 4.1.4 and 4.1.5: a token is valid before `exp`, and not before `nbf`. Returns `exp`.
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

    /// Amazon Cognito Developer Guide, "Verifying JSON web tokens": the client id is in `aud` of an ID token and in
    /// `client_id` of an access token. Any other `token_use` is refused.
    fn check_pool_client(&self, issuer: &Issuer) -> Result<TokenUse, Refusal> {
        match self.token_use.as_str() {
            Some("id") => {
                self.check_audience(issuer)?;
                Ok(TokenUse::Id)
            }
            Some("access") if is_our_audience(&self.client_id, issuer) => Ok(TokenUse::Access),
            Some("access") => Err(Refusal::Claim("client_id")),
            _ => Err(Refusal::Claim("token_use")),
        }
    }

    /// RFC 7519 section 4.1.3: `aud` is one audience or a list, and one of them must be configured for the issuer.
    ///
    /// `azp` is ignored. OpenID Connect Core section 3.1.3.7 compares it with the client of an ID token, but in an
    /// Auth0 access token, whose `aud` lists this API and Auth0's user-info endpoint, it is the calling client.
    fn check_audience(&self, issuer: &Issuer) -> Result<(), Refusal> {
        let ours = match &self.aud {
            Value::Array(audiences) => audiences.iter().any(|aud| is_our_audience(aud, issuer)),
            aud => is_our_audience(aud, issuer),
        };
        ours.then_some(()).ok_or(Refusal::Claim("aud"))
    }

    /// Cognito sends `email_verified` as a boolean in some tokens and as a string in others.
    fn verified_email(&self) -> Option<&str> {
        let verified = self.email_verified == Value::Bool(true) || self.email_verified.as_str() == Some("true");
        text(&self.email).filter(|_| verified)
    }
}

fn is_our_audience(value: &Value, issuer: &Issuer) -> bool {
    let ours = |name| issuer.audiences().iter().any(|audience| audience == name);
    value.as_str().is_some_and(ours)
}

/// A non-empty string.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

struct InvalidTime;

/// A `NumericDate` (RFC 7519 section 2): the number of seconds since 1970, possibly with a fraction.
fn time(value: Option<&Value>) -> Result<Option<Duration>, InvalidTime> {
    let Some(value) = value else { return Ok(None) };
    let seconds = value.as_f64().ok_or(InvalidTime)?;
    Duration::try_from_secs_f64(seconds).map(Some).map_err(|_| InvalidTime)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::issuer::Issuers;
    use crate::testing::{TRUSTED_ISSUERS, id_claims, with};

    /// Offsets that are often just at the end of the leeway.
    fn seconds_from_now() -> impl Strategy<Value = i64> {
        prop_oneof![-100_i64..100, -61_i64..-58, 59_i64..63]
    }

    proptest! {
        #[test]
        fn a_token_is_valid_from_nbf_until_exp_with_a_minute_of_leeway(
            now in 1_000_u64..1 << 40,
            exp in seconds_from_now(),
            nbf in prop::option::of(seconds_from_now()),
        ) {
            let issuers = Issuers::from_json(TRUSTED_ISSUERS).unwrap();
            let pool = issuers.iter().next().unwrap();
            let at = |offset| json!(now.saturating_add_signed(offset));
            let mut claims = with(id_claims("ann"), "exp", at(exp));
            if let Some(nbf) = nbf {
                claims = with(claims, "nbf", at(nbf));
            }
            let payload: Payload = serde_json::from_value(claims).unwrap();
            let checked = payload.check(pool, Duration::from_secs(now)).map(|claims| claims.exp);
            let expected = match (exp, nbf) {
                (..=-60, _) => Err(Refusal::Expired),
                (_, Some(61..)) => Err(Refusal::NotYetValid),
                _ => Ok(now.saturating_add_signed(exp)),
            };
            prop_assert_eq!(checked, expected);
        }
    }
}
