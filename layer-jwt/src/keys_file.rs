//! The file through which the extension hands the issuers' keys to the function beside it.
//!
//! The extension writes it, by rename, so that a reader sees all of one version or all of another. The function only
//! reads it, and believes of it no more than it would of an issuer's answer: what is not in shape, not of the issuer
//! that is asked for, too old or from the future is passed over, and the function fetches the keys itself.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::cache::MAX_AGE;
use crate::clock;
use crate::issuer::Issuer;
use crate::jwk::JwkSet;

/// Where the file is unless [`PATH_VARIABLE`] says otherwise.
pub const DEFAULT_PATH: &str = "/tmp/layer-jwt-keys.json";
/// The environment variable that names another place; both the extension and the function read it.
pub const PATH_VARIABLE: &str = "JWT_KEYS_FILE";
/// Where Lambda puts the extension (Lambda Developer Guide, "Using the Lambda Extensions API").
const EXTENSION_PATH: &str = "/opt/extensions/layer-jwt";

/// Many issuers with the largest sets that are fetched fit in this. Bytes.
const MAX_BYTES: u64 = 4 * 1024 * 1024;
const VERSION: u32 = 1;
/// A file may be that much from the future, for a clock that was put back a little.
const CLOCK_STEP: Duration = Duration::from_mins(1);

/// How long a function waits, once, for the extension's first fetch, which began when its own start did. Its own fetch
/// would hardly be quicker.
const FIRST_FILE_PATIENCE: Duration = Duration::from_millis(250);
const FIRST_FILE_POLL: Duration = Duration::from_millis(10);

/// The file, which need not exist.
#[derive(Debug)]
pub struct KeysFile {
    path: PathBuf,
    /// Somebody waited in vain for the file to appear: nobody else should.
    given_up: AtomicBool,
}

/// Why the file is not used. None of this keeps a function from working.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// It can't be read.
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    /// It is not a plain file, or an enormous one.
    #[error("is not a plain file of at most {MAX_BYTES} bytes")]
    NotAPlainFile,
    /// It does not have the shape that the extension gives it.
    #[error("is not in shape: {0}")]
    Shape(#[from] serde_json::Error),
    /// It was written by another version.
    #[error("has version {0}, not {VERSION}")]
    Version(u32),
}

/// The keys of one issuer, and when they were fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedKeys {
    issuer: String,
    jwks_url: String,
    /// Seconds since 1970.
    fetched_at: u64,
    jwks: JwkSet,
}

/// Which writing of the file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    modified: SystemTime,
    inode: u64,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    issuers: Vec<FetchedKeys>,
}

impl FetchedKeys {
    /// Keys that were fetched just now.
    #[must_use]
    pub fn now(issuer: &Issuer, jwks: JwkSet) -> Self {
        Self {
            issuer: issuer.issuer().to_owned(),
            jwks_url: issuer.jwks_url().to_owned(),
            fetched_at: clock::now().as_secs(),
            jwks,
        }
    }

    /// Whether these are keys of `issuer`, as it is configured now.
    #[must_use]
    pub fn are_of(&self, issuer: &Issuer) -> bool {
        self.issuer == issuer.issuer() && self.jwks_url == issuer.jwks_url()
    }

    /// How long ago they were fetched; `None` if that is in the future, or so long ago that they can't be used.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let now = clock::now();
        let fetched = Duration::from_secs(self.fetched_at);
        let age = now.saturating_sub(fetched);
        (fetched <= now.saturating_add(CLOCK_STEP) && age < MAX_AGE).then_some(age)
    }

    /// The keys.
    #[must_use]
    pub fn jwks(&self) -> &JwkSet {
        &self.jwks
    }
}

impl KeysFile {
    /// The file at `path`.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), given_up: AtomicBool::new(false) }
    }

    /// The file of the extension beside this function, if there is one: because the environment names the file, or
    /// because the extension lies where Lambda starts it from.
    #[must_use]
    pub fn of_extension() -> Option<Self> {
        match std::env::var_os(PATH_VARIABLE) {
            Some(path) if path.is_empty() => None,
            Some(path) => Some(Self::at(path)),
            None => Path::new(EXTENSION_PATH).is_file().then(|| Self::at(DEFAULT_PATH)),
        }
    }

    /// Where the file is, or will be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells one version of the file from another; `None` if there is none. The time of writing alone does not: it is
    /// some milliseconds coarse.
    pub(crate) fn version(&self) -> Option<FileVersion> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(FileVersion { modified: metadata.modified().ok()?, inode: metadata.ino() })
    }

    /// All that is in the file.
    ///
    /// # Errors
    /// [`KeysFileError`], also when there is no file.
    pub fn read(&self) -> Result<Vec<FetchedKeys>, KeysFileError> {
        // Before opening, since opening a pipe would wait for a writer.
        if !fs::metadata(&self.path)?.is_file() {
            return Err(KeysFileError::NotAPlainFile);
        }
        let mut text = Vec::new();
        let length = File::open(&self.path)?.take(MAX_BYTES + 1).read_to_end(&mut text)?;
        if u64::try_from(length).is_ok_and(|length| length > MAX_BYTES) {
            return Err(KeysFileError::NotAPlainFile);
        }
        let contents: Contents = serde_json::from_slice(&text)?;
        match contents.version {
            VERSION => Ok(contents.issuers),
            other => Err(KeysFileError::Version(other)),
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// When it can't be written; the old one is whole then.
    pub fn write(&self, issuers: Vec<FetchedKeys>) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        fs::write(&new, serde_json::to_vec(&Contents { version: VERSION, issuers })?)?;
        fs::rename(&new, &self.path)
    }

    /// Waits a little for the extension's first file, unless that was tried before.
    pub(crate) async fn appear(&self) {
        let started = Instant::now();
        while self.version().is_none() && !self.given_up.load(Ordering::Relaxed) {
            if started.elapsed() >= FIRST_FILE_PATIENCE {
                self.given_up.store(true, Ordering::Relaxed);
                let path = self.path.display();
                tracing::warn!(%path, "the extension's keys did not come: this function fetches them itself");
                return;
            }
            sleep(FIRST_FILE_POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;
    use crate::issuer::Issuers;
    use crate::testing::{SigningKey, TRUSTED_ISSUERS};

    fn issuer() -> Issuer {
        Issuers::from_json(TRUSTED_ISSUERS).unwrap().iter().next().unwrap().clone()
    }

    fn keys() -> FetchedKeys {
        let set = json!({"keys": [SigningKey::es256("a").jwk()]});
        FetchedKeys::now(&issuer(), serde_json::from_value(set).unwrap())
    }

    fn file() -> (KeysFile, TempDir) {
        let folder = TempDir::new().unwrap();
        (KeysFile::at(folder.path().join("keys.json")), folder)
    }

    #[test]
    fn what_was_written_is_read() {
        let (file, folder) = file();
        file.write(vec![]).unwrap();
        file.write(vec![keys()]).unwrap();
        let read = file.read().unwrap();
        assert_eq!(read[0].jwks().verifying_keys().len(), 1);
        assert!(read[0].are_of(&issuer()));
        assert!(read[0].age().unwrap() < Duration::from_secs(5));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_not_in_shape_is_an_error() {
        let (file, _folder) = file();
        assert!(matches!(file.read(), Err(KeysFileError::Io(_))));
        for text in ["", "[]", "{}", "null", r#"{"version": 1}"#, r#"{"version": 1, "issuers": [{}]}"#] {
            fs::write(file.path(), text).unwrap();
            assert!(matches!(file.read(), Err(KeysFileError::Shape(_))), "{text}");
        }
        fs::write(file.path(), r#"{"version": 2, "issuers": []}"#).unwrap();
        assert!(matches!(file.read(), Err(KeysFileError::Version(2))));
    }

    #[test]
    fn what_is_not_a_plain_file_of_some_size_is_an_error() {
        let (file, _folder) = file();
        fs::create_dir(file.path()).unwrap();
        assert!(matches!(file.read(), Err(KeysFileError::NotAPlainFile)));
        fs::remove_dir(file.path()).unwrap();
        File::create(file.path()).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert!(matches!(file.read(), Err(KeysFileError::NotAPlainFile)));
    }

    #[test]
    fn keys_from_the_future_or_long_ago_have_no_age() {
        let fetched_at = |seconds: u64| FetchedKeys { fetched_at: seconds, ..keys() }.age();
        let now = clock::now().as_secs();
        assert!(fetched_at(now + 30).is_some());
        assert!(fetched_at(now + 3600).is_none());
        assert!(fetched_at(u64::MAX).is_none());
        assert!(fetched_at(now - MAX_AGE.as_secs() + 30).is_some());
        assert!(fetched_at(now - MAX_AGE.as_secs()).is_none());
    }

    #[test]
    fn keys_are_those_of_their_issuer_and_address_alone() {
        let mut entries: Vec<Value> = serde_json::from_str(TRUSTED_ISSUERS).unwrap();
        entries[0]["jwks_url"] = json!("https://moved.example/jwks.json");
        let issuers = Issuers::from_json(&json!(entries).to_string()).unwrap();
        for issuer in &issuers {
            assert!(!keys().are_of(issuer));
        }
    }
}
