use std::fmt;

use layer_jwt::Claims;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest user key in bytes.
const MAX_KEY_BYTES: usize = 512;

/// The characters that stay unencoded in a user key and in a public name. `~` is not one of them: it separates an
/// issuer's alias from the id of its user.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'+').remove(b'@');

/// How a generated handle begins. No user name may begin like this.
pub const HANDLE_PREFIX: &str = "user-";

/// A user name for sign-up: 1 to 128 ASCII letters, digits, `.`, `_`, `-`, `+` and `@`, in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Reads a user name; upper case becomes lower case. `None` if it breaks a rule.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase();
        let valid = (1..=128).contains(&name.len())
            && !matches!(name.as_str(), "." | "..")
            && !name.starts_with(HANDLE_PREFIX)
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte));
        valid.then_some(Self(name))
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's stable id: the pool's `sub`, or `{alias}~{sub}` for another issuer. It is one path segment of every key
/// that belongs to the user. Unlike a user name, it is never given to another person.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserKey(String);

impl UserKey {
    /// Reads a user key from an object's key; `None` if it cannot be one.
    #[must_use]
    pub fn from_segment(segment: &str) -> Option<Self> {
        let valid = (1..=MAX_KEY_BYTES).contains(&segment.len())
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+@%~".contains(&byte));
        valid.then(|| Self(segment.to_owned()))
    }

    /// The segment, without slashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(issuer_alias: Option<&str>, sub: &str) -> Result<Self, TooLong> {
        let alias = issuer_alias.map(|alias| format!("{alias}~")).unwrap_or_default();
        let key = format!("{alias}{}", encode(sub));
        if key.len() > MAX_KEY_BYTES || sub.is_empty() { Err(TooLong) } else { Ok(Self(key)) }
    }
}

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One safe path segment.
fn encode(text: &str) -> String {
    match text {
        "." | ".." => text.replace('.', "%2E"),
        text => utf8_percent_encode(text, UNRESERVED).to_string(),
    }
}

/// The token's `sub` is empty or makes a key of more than 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user id is empty or too long")]
pub struct TooLong;

/// The caller of a route, from a verified token. It contains an email address, so it has no `Debug`.
#[derive(Clone)]
pub struct User {
    key: UserKey,
    issuer_alias: Option<String>,
    username: Option<String>,
    email: Option<String>,
}

impl User {
    /// The user of verified claims, identified by `sub`: only that is unique and never reassigned (`OpenID` Connect
    /// Core, 5.7). A deleted user name can be taken by another person.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn from_claims(claims: &Claims) -> Result<Self, TooLong> {
        let issuer_alias = claims.issuer_alias.clone();
        let key = UserKey::new(issuer_alias.as_deref(), &claims.sub)?;
        // The names of another issuer are not unique here.
        let username = claims.username.clone().filter(|_| issuer_alias.is_none());
        let email = claims.email.clone().filter(|email| !email.is_empty());
        Ok(Self { key, issuer_alias, username, email })
    }

    /// The user's part of every key.
    #[must_use]
    pub const fn key(&self) -> &UserKey {
        &self.key
    }

    /// The alias of the issuer; `None` for the user pool.
    #[must_use]
    pub fn issuer_alias(&self) -> Option<&str> {
        self.issuer_alias.as_deref()
    }

    /// The name that the user logs in with, for the user alone: it may be an email address. A user of another issuer
    /// has none here, so the key stands for it.
    #[must_use]
    pub fn username(&self) -> &str {
        self.username.as_deref().unwrap_or(self.key.as_str())
    }

    /// The verified email address, which only an ID token contains.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The user name if others may see it. `None` for an email address, for a name that looks like a handle, and for a
    /// user of another issuer: they need a handle.
    #[must_use]
    pub fn public_username(&self) -> Option<String> {
        let name = encode(self.username.as_deref()?);
        let is_email = name.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let is_reserved = name.to_ascii_lowercase().starts_with(HANDLE_PREFIX);
        (!is_email && !is_reserved).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn user_names_are_ascii_and_lower_case() {
        for (text, expected) in [
            ("Ann", Some("ann")),
            ("Ann.B+c@Example.org", Some("ann.b+c@example.org")),
            ("", None),
            (".", None),
            ("..", None),
            ("a/b", None),
            ("a b", None),
            ("jürgen", None),
            ("a~b", None),
            ("User-x", None),
            ("users", Some("users")),
        ] {
            assert_eq!(Username::parse(text).as_ref().map(Username::as_str), expected, "{text:?}");
        }
        assert!(Username::parse(&"a".repeat(128)).is_some());
        assert!(Username::parse(&"a".repeat(129)).is_none());
    }

    #[test]
    fn users_of_two_issuers_never_share_a_key() {
        assert_eq!(UserKey::new(None, "auth0~x").unwrap().as_str(), "auth0%7Ex");
        assert_eq!(UserKey::new(Some("auth0"), "x").unwrap().as_str(), "auth0~x");
    }

    fn user(issuer_alias: Option<&str>, username: &str) -> User {
        let claims = Claims {
            issuer_alias: issuer_alias.map(str::to_owned),
            sub: "1".to_owned(),
            username: Some(username.to_owned()),
            email: None,
            token_use: None,
            exp: 0,
        };
        User::from_claims(&claims).unwrap()
    }

    #[test]
    fn a_plain_user_name_is_public() {
        assert_eq!(user(None, "ann").public_username().as_deref(), Some("ann"));
        assert_eq!(user(None, "@ann").public_username().as_deref(), Some("@ann"));
        assert_eq!(user(None, "a\n").public_username().as_deref(), Some("a%0A"));
    }

    #[test]
    fn an_email_address_a_false_handle_and_another_issuers_name_are_not_public() {
        for user in [user(None, "ann@example.org"), user(None, "User-aaaaaaaaaa"), user(Some("auth0"), "ann")] {
            assert_eq!(user.public_username(), None);
        }
    }

    proptest! {
        #[test]
        fn a_key_is_one_safe_segment(sub in any::<String>()) {
            if let Ok(key) = UserKey::new(None, &sub) {
                prop_assert!(!key.as_str().contains(['/', '\\', '~']));
                prop_assert!(key.as_str() != "." && key.as_str() != "..");
                prop_assert!(key.as_str().len() <= MAX_KEY_BYTES);
                prop_assert!(UserKey::from_segment(key.as_str()) == Some(key));
            }
        }

        #[test]
        fn different_subs_have_different_keys(a in any::<String>(), b in any::<String>()) {
            if let (Ok(x), Ok(y)) = (UserKey::new(None, &a), UserKey::new(None, &b)) {
                prop_assert_eq!(x == y, a == b);
            }
        }
    }
}
