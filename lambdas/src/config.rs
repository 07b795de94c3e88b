//! What a function is told by its environment, read once at its start.

use std::{env, str::FromStr};

/// The environment lacks something, or holds something that cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set, or empty.
    #[error("the environment variable {0} is not set: see lambdas/service.json")]
    Missing(&'static str),
    /// The variable does not hold what it should.
    #[error("the environment variable {name} is wrong: {why}")]
    Wrong {
        /// Which variable.
        name: &'static str,
        /// What is wrong with it, without its value.
        why: String,
    },
}

/// A variable that must be set.
///
/// # Errors
/// When it is not, or is empty.
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    env::var(name).ok().filter(|value| !value.is_empty()).ok_or(ConfigError::Missing(name))
}

/// A variable that may be set.
///
/// # Errors
/// When it is set and cannot be read.
pub fn optional<T: FromStr>(name: &'static str, default: T) -> Result<T, ConfigError>
where
    T::Err: std::fmt::Display,
{
    match required(name) {
        Ok(value) => value.parse().map_err(|why: T::Err| ConfigError::Wrong { name, why: why.to_string() }),
        Err(_) => Ok(default),
    }
}

/// What a body may hold.
#[derive(Clone, Copy, Debug)]
pub struct Uploads {
    /// The most decoded bytes of a photo, an archive or a picture (`MAX_UPLOAD_BYTES`).
    pub max_bytes: usize,
}

impl Uploads {
    /// The default: 4 MiB, for Lambda takes events of 6 MB, in which a body is base64 text.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;

    /// Reads `MAX_UPLOAD_BYTES`.
    ///
    /// # Errors
    /// When it is set and no number.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self { max_bytes: optional("MAX_UPLOAD_BYTES", Self::MAX_BYTES)? })
    }
}
