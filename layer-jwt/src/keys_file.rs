//! The file in which the extension passes the issuers' keys to the function in the same sandbox.
//!
//! The extension replaces the file by a rename, so a reader always sees one complete version. The function only reads
//! it, and ignores content that is invalid, belongs to another issuer, is too old or is dated in the future. It then
//! fetches the keys itself.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use crate::clock;
use crate::error::KeysFileError;
use crate::issuer::Issuer;
use crate::jwk::JwkSet;
use crate::policy::{CLOCK_STEP, FIRST_FILE_PATIENCE, MAX_AGE, MAX_FILE_BYTES};

/// The path of the file unless [`PATH_VARIABLE`] is set.
pub const DEFAULT_PATH: &str = "/tmp/layer-jwt-keys.json";
/// The environment variable with another path, for both the extension and the function. If it is empty, the function
/// does not use a file.
pub const PATH_VARIABLE: &str = "JWT_KEYS_FILE";
/// The path of the extension in a function with the layer (Lambda Developer Guide, "Using the Lambda Extensions API").
const EXTENSION_PATH: &str = "/opt/extensions/layer-jwt";

const VERSION: u32 = 1;
const FIRST_FILE_POLL: Duration = Duration::from_millis(10);

/// The keys file at a path. The file itself may not exist yet.
#[derive(Debug)]
pub struct KeysFile {
    path: PathBuf,
    /// A request timed out waiting for the first file, so no other request waits for it.
    timed_out: AtomicBool,
}

/// The keys of one issuer with the time of their fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedKeys {
    issuer: String,
    jwks_url: String,
    /// Seconds since 1970.
    fetched_at: u64,
    jwks: JwkSet,
}

/// Identifies one version of the file. The modification time alone does not: its resolution is some milliseconds.
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
    /// Keys of `issuer` that were fetched just now.
    #[must_use]
    pub fn now(issuer: &Issuer, jwks: JwkSet) -> Self {
        Self {
            issuer: issuer.issuer().to_owned(),
            jwks_url: issuer.jwks_url().to_owned(),
            fetched_at: clock::now().as_secs(),
            jwks,
        }
    }

    /// Whether these keys were fetched for `issuer` from the JWKS URL that it has now.
    #[must_use]
    pub fn belong_to(&self, issuer: &Issuer) -> bool {
        self.issuer == issuer.issuer() && self.jwks_url == issuer.jwks_url()
    }

    /// The time since the fetch. `None` if the keys are too old to be used or dated in the future.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let now = clock::now();
        let fetched = Duration::from_secs(self.fetched_at);
        let age = now.saturating_sub(fetched);
        (fetched <= now.saturating_add(CLOCK_STEP) && age < MAX_AGE).then_some(age)
    }

    /// The set as the issuer published it, without the members that are not needed.
    #[must_use]
    pub fn jwks(&self) -> &JwkSet {
        &self.jwks
    }
}

impl KeysFile {
    /// A keys file at `path`, which need not exist yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), timed_out: AtomicBool::new(false) }
    }

    /// The keys file of this function's extension. `None` if there is no extension, that is, if the environment names
    /// no file and the program is not where Lambda would start it from.
    #[must_use]
    pub fn from_extension() -> Option<Self> {
        match std::env::var_os(PATH_VARIABLE) {
            Some(path) if path.is_empty() => None,
            Some(path) => Some(Self::at(path)),
            None => Path::new(EXTENSION_PATH).is_file().then(|| Self::at(DEFAULT_PATH)),
        }
    }

    /// The path, whether or not the file exists.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The current version; `None` if there is no file.
    pub(crate) fn version(&self) -> Option<FileVersion> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some(FileVersion { modified: metadata.modified().ok()?, inode: metadata.ino() })
    }

    /// Reads the keys of all issuers.
    ///
    /// # Errors
    /// [`KeysFileError::Io`] if there is no file, and other variants if its content cannot be used.
    pub fn read(&self) -> Result<Vec<FetchedKeys>, KeysFileError> {
        // Checked before opening the file, because opening a pipe would block until there is a writer.
        if !fs::metadata(&self.path)?.is_file() {
            return Err(KeysFileError::NotRegular);
        }
        let mut text = Vec::new();
        let length = File::open(&self.path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut text)?;
        if u64::try_from(length).is_ok_and(|length| length > MAX_FILE_BYTES) {
            return Err(KeysFileError::NotRegular);
        }
        let contents: Contents = serde_json::from_slice(&text)?;
        match contents.version {
            VERSION => Ok(contents.issuers),
            other => Err(KeysFileError::Version(other)),
        }
    }

    /// Replaces the file atomically, using `{path}.new` as the temporary file.
    ///
    /// # Errors
    /// If the file cannot be written. The old file, if any, stays intact.
    pub fn write(&self, issuers: Vec<FetchedKeys>) -> io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        fs::write(&new, serde_json::to_vec(&Contents { version: VERSION, issuers })?)?;
        fs::rename(&new, &self.path)
    }

    /// Waits for the extension's first file, for at most [`FIRST_FILE_PATIENCE`] and only once.
    pub(crate) async fn wait_for_first(&self) {
        let started = Instant::now();
        while self.version().is_none() && !self.timed_out.load(Ordering::Relaxed) {
            if started.elapsed() >= FIRST_FILE_PATIENCE {
                self.timed_out.store(true, Ordering::Relaxed);
                let path = self.path.display();
                tracing::warn!(%path, "there is no keys file yet; this function fetches the keys itself");
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
    fn a_written_file_is_read_back() {
        let (file, folder) = file();
        file.write(vec![]).unwrap();
        file.write(vec![keys()]).unwrap();
        let read = file.read().unwrap();
        assert_eq!(read[0].jwks().verifying_keys().len(), 1);
        assert!(read[0].belong_to(&issuer()));
        assert!(read[0].age().unwrap() < Duration::from_secs(5));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_with_invalid_content_is_an_error() {
        let (file, _folder) = file();
        assert!(matches!(file.read(), Err(KeysFileError::Io(_))));
        for text in ["", "[]", "{}", "null", r#"{"version": 1}"#, r#"{"version": 1, "issuers": [{}]}"#] {
            fs::write(file.path(), text).unwrap();
            assert!(matches!(file.read(), Err(KeysFileError::Json(_))), "{text}");
        }
        fs::write(file.path(), r#"{"version": 2, "issuers": []}"#).unwrap();
        assert!(matches!(file.read(), Err(KeysFileError::Version(2))));
    }

    #[test]
    fn a_directory_and_a_huge_file_are_errors() {
        let (file, _folder) = file();
        fs::create_dir(file.path()).unwrap();
        assert!(matches!(file.read(), Err(KeysFileError::NotRegular)));
        fs::remove_dir(file.path()).unwrap();
        File::create(file.path()).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(matches!(file.read(), Err(KeysFileError::NotRegular)));
    }

    #[test]
    fn keys_from_the_future_and_keys_older_than_a_day_have_no_age() {
        let fetched_at = |seconds: u64| FetchedKeys { fetched_at: seconds, ..keys() }.age();
        let now = clock::now().as_secs();
        assert!(fetched_at(now + 30).is_some());
        assert!(fetched_at(now + 3600).is_none());
        assert!(fetched_at(u64::MAX).is_none());
        assert!(fetched_at(now - MAX_AGE.as_secs() + 30).is_some());
        assert!(fetched_at(now - MAX_AGE.as_secs()).is_none());
    }

    #[test]
    fn keys_belong_only_to_the_issuer_and_url_they_were_fetched_for() {
        let mut entries: Vec<Value> = serde_json::from_str(TRUSTED_ISSUERS).unwrap();
        entries[0]["jwks_url"] = json!("https://moved.example/jwks.json");
        let issuers = Issuers::from_json(&json!(entries).to_string()).unwrap();
        for issuer in &issuers {
            assert!(!keys().belong_to(issuer));
        }
    }
}
