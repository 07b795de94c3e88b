use std::fmt::{self, Write as _};

use layer_jwt::Claims;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// The longest folder name, in bytes, that is given to a user.
const MAX_FOLDER_BYTES: usize = 512;

/// What a user name may hold, and what stays as it is in a folder name. `~` is not among them: it sets the users of
/// other issuers apart.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b'+').remove(b'@');

/// A user name that may be signed up with: 1 to 128 of ASCII letters, digits, `.`, `_`, `-`, `+`, `@`, in lower case.
#[derive(Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// Reads a user name; upper case becomes lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len())
            && !matches!(text, "." | "..")
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte));
        fits.then(|| Self(text.to_ascii_lowercase()))
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The part of a key in the bucket that is one user's alone: one path segment, whatever the token calls the user.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Folder(String);

impl Folder {
    /// Reads a folder name back from a key.
    #[must_use]
    pub fn from_key_segment(segment: &str) -> Option<Self> {
        let fits = (1..=MAX_FOLDER_BYTES).contains(&segment.len())
            && !matches!(segment, "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+@%~".contains(&byte));
        fits.then(|| Self(segment.to_owned()))
    }

    /// The segment, without slashes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What others are shown of its user, and logs: see [`User::public_name`].
    #[must_use]
    pub fn public_name(&self) -> String {
        public_name(&self.0)
    }

    fn new(issuer_alias: Option<&str>, name: &str) -> Result<Self, TooLong> {
        let mut segment = String::new();
        if let Some(alias) = issuer_alias {
            segment.push_str(alias);
            segment.push('~');
        }
        if matches!(name, "." | "..") {
            segment.push_str(&name.replace('.', "%2E"));
        } else if write!(segment, "{}", utf8_percent_encode(name, UNRESERVED)).is_err() {
            return Err(TooLong);
        }
        if segment.len() > MAX_FOLDER_BYTES || name.is_empty() { Err(TooLong) } else { Ok(Self(segment)) }
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name in a token is empty or makes a folder name of more than 512 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the user name is empty or too long")]
pub struct TooLong;

/// The caller of a route, as a verified token tells. Holds a mail address, so it has no `Debug`.
#[derive(Clone)]
pub struct User {
    folder: Folder,
    issuer_alias: Option<String>,
    email: Option<String>,
}

impl User {
    /// The user of verified claims: of the pool by user name (`cognito:username`, else `username`), of another issuer
    /// by the issuer's alias and the `sub`, for only that is unique and lasting (`OpenID` Connect Core, 5.7).
    ///
    /// # Errors
    /// When the name is empty or too long to be a folder.
    pub fn from_claims(claims: &Claims) -> Result<Self, TooLong> {
        let (alias, name) = match (&claims.issuer_alias, &claims.username) {
            (None, Some(username)) => (None, username),
            (alias, _) => (alias.as_deref(), &claims.sub),
        };
        let folder = Folder::new(alias, name)?;
        Ok(Self { folder, issuer_alias: claims.issuer_alias.clone(), email: claims.email.clone() })
    }

    /// The user's own part of each key.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The alias of the issuer; none for the user pool.
    #[must_use]
    pub fn issuer_alias(&self) -> Option<&str> {
        self.issuer_alias.as_deref()
    }

    /// The verified mail address, which only an ID token has.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// What other users are shown: the user name, or, when that is a mail address, its part before `@`, `#`, and four
    /// hex digits that tell two of the same beginning apart.
    #[must_use]
    pub fn public_name(&self) -> String {
        self.folder.public_name()
    }
}

fn public_name(name: &str) -> String {
    match name.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
            let digest = Sha256::digest(name.as_bytes());
            let [first, second, ..] = digest.as_slice() else { return local.to_owned() };
            format!("{local}#{first:02x}{second:02x}")
        }
        _ => name.to_owned(),
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
        ] {
            assert_eq!(Username::parse(text).as_ref().map(Username::as_str), expected, "{text:?}");
        }
        assert!(Username::parse(&"a".repeat(128)).is_some());
        assert!(Username::parse(&"a".repeat(129)).is_none());
    }

    #[test]
    fn users_of_two_issuers_never_share_a_folder() {
        let ours = Folder::new(None, "auth0~x").unwrap_or_else(|_| unreachable!());
        let theirs = Folder::new(Some("auth0"), "x").unwrap_or_else(|_| unreachable!());
        assert_eq!(ours.as_str(), "auth0%7Ex");
        assert_eq!(theirs.as_str(), "auth0~x");
    }

    #[test]
    fn a_mail_address_is_not_shown() {
        assert_eq!(public_name("ann"), "ann");
        assert_eq!(public_name("@ann"), "@ann");
        assert_eq!(public_name("ann@example.org"), "ann#438c");
    }

    proptest! {
        #[test]
        fn a_folder_is_one_safe_segment(name in any::<String>()) {
            if let Ok(folder) = Folder::new(None, &name) {
                prop_assert!(!folder.as_str().contains(['/', '\\', '~']));
                prop_assert!(folder.as_str() != "." && folder.as_str() != "..");
                prop_assert!(folder.as_str().len() <= MAX_FOLDER_BYTES);
                prop_assert!(Folder::from_key_segment(folder.as_str()) == Some(folder));
            }
        }

        #[test]
        fn different_names_have_different_folders(a in any::<String>(), b in any::<String>()) {
            if let (Ok(x), Ok(y)) = (Folder::new(None, &a), Folder::new(None, &b)) {
                prop_assert_eq!(x == y, a == b);
            }
        }
    }
}
