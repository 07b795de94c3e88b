//! A function's configuration: environment variables, read once when it starts.

use std::{env, str::FromStr};

/// An environment variable is missing or has an invalid value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not set, or empty.
    #[error("the environment variable {0} is not set: see lambdas/service.json")]
    Missing(&'static str),
    #[error("the environment variable {name} has an invalid value: {why}")]
    Wrong {
        name: &'static str,
        /// Does not repeat the value.
        why: String,
    },
}

/// A required variable.
///
/// # Errors
/// [`ConfigError::Missing`].
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(ConfigError::Missing(name))
}

/// An optional variable.
///
/// # Errors
/// [`ConfigError::Wrong`] if it is set but cannot be parsed.
pub fn optional<T: FromStr>(name: &'static str, default: T) -> Result<T, ConfigError>
where
    T::Err: std::fmt::Display,
{
    match required(name) {
        Ok(value) => value.parse().map_err(|why: T::Err| ConfigError::Wrong { name, why: why.to_string() }),
        Err(_) => Ok(default),
    }
}

/// Whether every user must have a second factor (`MFA`: `optional` or `required`).
///
/// # Errors
/// If it is missing or has another value.
pub fn is_mfa_required() -> Result<bool, ConfigError> {
    match required("MFA")?.as_str() {
        "optional" => Ok(false),
        "required" => Ok(true),
        _ => Err(ConfigError::Wrong { name: "MFA", why: "it must be optional or required".to_owned() }),
    }
}

/// The limit on uploads.
#[derive(Clone, Copy, Debug)]
pub struct Uploads {
    /// Decoded bytes of a photo, an archive or a picture (`MAX_UPLOAD_BYTES`).
    pub max_bytes: usize,
}

impl Uploads {
    /// The default: 4 MiB. Lambda limits an event to 6 MB, which contains the body as base64 text.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;

    /// The default of `MAX_PHOTO_BYTES`: 200 MiB.
    const MAX_PHOTO_BYTES: u64 = 200 * 1024 * 1024;

    /// The default of `MAX_ARCHIVE_BYTES`: 50 GiB.
    const MAX_ARCHIVE_BYTES: u64 = 50 << 30;

    /// Reads `MAX_UPLOAD_BYTES`.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`] if it is set but is not a number.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { max_bytes: optional("MAX_UPLOAD_BYTES", Self::MAX_BYTES)? })
    }

    /// The most bytes of a photo that is uploaded in parts (`MAX_PHOTO_BYTES`).
    ///
    /// # Errors
    /// If it is set to something other than a number.
    pub fn max_photo_bytes() -> Result<u64, ConfigError> {
        optional("MAX_PHOTO_BYTES", Self::MAX_PHOTO_BYTES)
    }

    /// The most bytes of an archive that is uploaded in parts (`MAX_ARCHIVE_BYTES`).
    ///
    /// # Errors
    /// If it is set to something other than a number.
    pub fn max_archive_bytes() -> Result<u64, ConfigError> {
        optional("MAX_ARCHIVE_BYTES", Self::MAX_ARCHIVE_BYTES)
    }
}
