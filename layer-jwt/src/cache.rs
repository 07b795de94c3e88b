//! The keys of one issuer in memory, fetched and refreshed by the rules in [`policy`](crate::policy).
//!
//! If there is an extension, its file is read before each fetch and often replaces it. There is never more than one
//! fetch at a time for an issuer: other requests that need its result wait for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::error::{FetchError, Refusal, VerifyError, with_sources};
use crate::fetch::FetchKeys;
use crate::issuer::Issuer;
use crate::jwk::{JwkSet, VerifyingKey};
use crate::keys_file::{FileVersion, KeysFile};
use crate::policy::{FETCH_PATIENCE, MAX_AGE, REFETCH_INTERVAL, REFRESH_AFTER, REFRESH_PATIENCE, REFRESH_RETRY, RETRY};

pub(crate) struct IssuerKeys {
    issuer: Issuer,
    fetch: Arc<dyn FetchKeys>,
    file: Option<Arc<KeysFile>>,
    state: Mutex<State>,
    /// Held during a fetch.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: Option<Keys>,
    last_fetch: Option<Attempt>,
    /// The version of the file that was read last, valid or not.
    file_read: Option<FileVersion>,
}

struct Keys {
    by_id: HashMap<String, Arc<VerifyingKey>>,
    age_when_loaded: Duration,
    loaded: Instant,
}

#[derive(Clone)]
struct Attempt {
    ended: Instant,
    outcome: Result<(), Arc<FetchError>>,
}

impl IssuerKeys {
    /// The keys come from `file`, if there is one and it contains them, else from `fetch`.
    pub(crate) fn new(issuer: Issuer, fetch: Arc<dyn FetchKeys>, file: Option<Arc<KeysFile>>) -> Self {
        Self { issuer, fetch, file, state: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Finds the key with this id, and fetches or refreshes the keys if that is due.
    pub(crate) async fn key(&self, kid: &str) -> Result<Arc<VerifyingKey>, VerifyError> {
        if let Some((key, age)) = self.lookup(kid) {
            if age < REFRESH_AFTER {
                return Ok(key);
            }
            self.refresh().await;
            // The issuer may have withdrawn the key.
            if let Some((key, _)) = self.lookup(kid) {
                return Ok(key);
            }
        }
        self.missing_key(kid).await
    }

    /// Replaces old keys that can still be used. Requests that arrive meanwhile do not wait for it.
    async fn refresh(&self) {
        let Ok(_fetching) = self.fetching.try_lock() else {
            return;
        };
        self.read_file();
        let fresh = self.state().keys.as_ref().is_some_and(|keys| keys.age() < REFRESH_AFTER);
        if !fresh && self.recent_attempt(REFRESH_RETRY, REFRESH_RETRY).is_none() {
            self.fetch(REFRESH_PATIENCE).await;
        }
    }

    async fn missing_key(&self, kid: &str) -> Result<Arc<VerifyingKey>, VerifyError> {
        let _fetching = self.fetching.lock().await;
        if let Some(file) = &self.file
            && self.state().keys.is_none()
        {
            file.wait_for_first().await;
        }
        self.read_file();
        // The file may contain the key, or the request that held the lock before may have fetched it.
        if let Some((key, _)) = self.lookup(kid) {
            return Ok(key);
        }
        let attempt = match self.recent_attempt(REFETCH_INTERVAL, RETRY) {
            Some(attempt) => attempt,
            None => self.fetch(FETCH_PATIENCE).await,
        };
        match (self.lookup(kid), attempt.outcome) {
            (Some((key, _)), _) => Ok(key),
            (None, Ok(())) => Err(VerifyError::Invalid(Refusal::UnknownKey)),
            (None, Err(source)) => Err(VerifyError::Unavailable { issuer: self.issuer.issuer().to_owned(), source }),
        }
    }

    /// The last fetch, if it is too recent for another one.
    fn recent_attempt(&self, after_success: Duration, after_failure: Duration) -> Option<Attempt> {
        let last = self.state().last_fetch.clone()?;
        let pause = if last.outcome.is_ok() { after_success } else { after_failure };
        (last.ended.elapsed() < pause).then_some(last)
    }

    /// Fetches the keys. If that fails, the old ones stay.
    async fn fetch(&self, patience: Duration) -> Attempt {
        let fetched = timeout(patience, self.fetch.fetch(&self.issuer))
            .await
            .unwrap_or(Err(FetchError::TimedOut))
            .and_then(|set| Keys::new(&set, Duration::ZERO));
        let issuer = self.issuer.issuer();
        let mut state = self.state();
        let outcome = match fetched {
            Ok(keys) => {
                tracing::info!(issuer, keys = keys.by_id.len(), "fetched an issuer's keys");
                state.keys = Some(keys);
                Ok(())
            }
            Err(error) => {
                tracing::warn!(issuer, error = with_sources(&error), "could not fetch an issuer's keys");
                Err(Arc::new(error))
            }
        };
        let attempt = Attempt { ended: Instant::now(), outcome };
        state.last_fetch = Some(attempt.clone());
        attempt
    }

    /// Loads the keys from the file if it has changed and its keys are newer than those in memory. The file is a few
    /// kilobytes in `/tmp`, so reading it does not block noticeably.
    fn read_file(&self) {
        let Some(file) = &self.file else { return };
        let version = file.version();
        if version.is_none() || self.state().file_read == version {
            return;
        }
        self.state().file_read = version;
        let entries = match file.read() {
            Ok(entries) => entries,
            Err(error) => {
                let path = file.path().display();
                tracing::warn!(%path, error = with_sources(&error), "ignored the extension's keys file");
                return;
            }
        };
        let found = entries.iter().find(|entry| entry.belong_to(&self.issuer));
        let Some((found, age)) = found.and_then(|found| Some((found, found.age()?))) else {
            return;
        };
        let mut state = self.state();
        if state.keys.as_ref().is_none_or(|keys| age < keys.age())
            && let Ok(keys) = Keys::new(found.jwks(), age)
        {
            let issuer = self.issuer.issuer();
            tracing::info!(issuer, keys = keys.by_id.len(), "took an issuer's keys from the extension");
            state.keys = Some(keys);
        }
    }

    /// The key, unless it is too old to be used, and its age.
    fn lookup(&self, kid: &str) -> Option<(Arc<VerifyingKey>, Duration)> {
        let state = self.state();
        let keys = state.keys.as_ref()?;
        let age = keys.age();
        let key = keys.by_id.get(kid).filter(|_| age < MAX_AGE)?;
        Some((Arc::clone(key), age))
    }

    /// No code panics while it holds this lock, so it is never poisoned. The state would be consistent even then.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    /// A set without a usable key is a mistake of the issuer and must not replace keys that work.
    fn new(set: &JwkSet, age: Duration) -> Result<Self, FetchError> {
        let by_id: HashMap<_, _> = set.verifying_keys().into_iter().map(|(kid, key)| (kid, Arc::new(key))).collect();
        if by_id.is_empty() {
            return Err(FetchError::NoKeys);
        }
        Ok(Self { by_id, age_when_loaded: age, loaded: Instant::now() })
    }

    fn age(&self) -> Duration {
        self.age_when_loaded.saturating_add(self.loaded.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::LazyLock;

    use serde_json::json;
    use tempfile::TempDir;
    use tokio::time::{advance, sleep};

    use super::*;
    use crate::issuer::Issuers;
    use crate::testing::{InMemoryKeys, OIDC, POOL, SigningKey, TRUSTED_ISSUERS};

    static OLD: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("old"));
    static NEW: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("new"));

    const MOMENT: Duration = Duration::from_millis(1);

    /// The cache of an issuer that publishes the key `old`, and a handle to what that issuer publishes.
    fn keys() -> (Arc<IssuerKeys>, InMemoryKeys) {
        keys_with_file(None)
    }

    fn keys_with_file(file: Option<KeysFile>) -> (Arc<IssuerKeys>, InMemoryKeys) {
        let issuers = Issuers::from_json(TRUSTED_ISSUERS).unwrap();
        let published = InMemoryKeys::new();
        published.publish(POOL, &[&OLD]);
        let pool = issuers.iter().next().unwrap().clone();
        let keys = IssuerKeys::new(pool, Arc::new(published.clone()), file.map(Arc::new));
        (Arc::new(keys), published)
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Outcome {
        Found,
        Unknown,
        Unavailable,
    }

    async fn look_up(keys: &IssuerKeys, kid: &str) -> Outcome {
        match keys.key(kid).await {
            Ok(_) => Outcome::Found,
            Err(VerifyError::Invalid(Refusal::UnknownKey)) => Outcome::Unknown,
            Err(VerifyError::Unavailable { .. }) => Outcome::Unavailable,
            Err(error) => unreachable!("{error}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_fetched_once_when_the_first_token_needs_them() {
        let (keys, published) = keys();
        assert_eq!(published.fetches(), 0);
        for _ in 0..10 {
            assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        }
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_unknown_key_ids_costs_one_fetch() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        advance(REFETCH_INTERVAL).await;
        for made_up in 0..1000 {
            assert_eq!(look_up(&keys, &made_up.to_string()).await, Outcome::Unknown);
        }
        assert_eq!(published.fetches(), 2);
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_against_an_issuer_that_is_down_costs_one_fetch_per_second() {
        let (keys, published) = keys();
        published.take_down(POOL);
        for _ in 0..1000 {
            assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
            advance(Duration::from_millis(10)).await;
        }
        assert_eq!(published.fetches(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_is_fetched_again_after_the_interval() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "new").await, Outcome::Unknown);
        published.publish(POOL, &[&OLD, &NEW]);
        advance(REFETCH_INTERVAL.saturating_sub(MOMENT)).await;
        assert_eq!(look_up(&keys, "new").await, Outcome::Unknown);
        advance(MOMENT).await;
        assert_eq!(look_up(&keys, "new").await, Outcome::Found);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_fetch() {
        let (keys, published) = keys();
        published.delay(Duration::from_millis(100));
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let keys = Arc::clone(&keys);
                tokio::spawn(async move { keys.key("old").await.is_ok() })
            })
            .collect();
        for request in requests {
            assert!(request.await.unwrap());
        }
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn concurrent_requests_share_one_failed_fetch() {
        let (keys, published) = keys();
        published.take_down(POOL);
        published.delay(Duration::from_millis(100));
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let keys = Arc::clone(&keys);
                tokio::spawn(async move { look_up(&keys, "old").await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), Outcome::Unavailable);
        }
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_request_does_not_block_the_next() {
        let (keys, published) = keys();
        published.delay(Duration::from_millis(100));
        let cancelled = timeout(Duration::from_millis(50), keys.key("old")).await;
        assert!(cancelled.is_err());
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_keys_the_issuer_is_unavailable_and_the_fetch_is_retried_soon() {
        let (keys, published) = keys();
        published.take_down(POOL);
        assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
        assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
        assert_eq!(published.fetches(), 1);
        published.publish(POOL, &[&OLD]);
        advance(RETRY).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
    }

    #[tokio::test(start_paused = true)]
    async fn every_request_without_a_key_gets_the_cause_of_the_failed_fetch() {
        let (keys, published) = keys();
        published.take_down(POOL);
        for _ in 0..2 {
            let Err(VerifyError::Unavailable { issuer, source }) = keys.key("old").await else {
                unreachable!("the issuer is down");
            };
            assert_eq!(issuer, POOL);
            assert!(matches!(*source, FetchError::Status(503)));
        }
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_hangs_is_unavailable_after_the_patience() {
        let (keys, published) = keys();
        published.delay(Duration::from_hours(1));
        let started = Instant::now();
        assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
        assert!(started.elapsed() <= FETCH_PATIENCE.saturating_add(MOMENT));
    }

    #[tokio::test(start_paused = true)]
    async fn known_keys_work_while_a_fetch_for_another_key_fails() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        published.take_down(POOL);
        advance(REFETCH_INTERVAL).await;
        assert_eq!(look_up(&keys, "new").await, Outcome::Unavailable);
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn known_keys_do_not_wait_for_a_fetch_of_another_key() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        advance(REFETCH_INTERVAL).await;
        published.delay(Duration::from_secs(4));
        let other = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { look_up(&keys, "new").await }
        });
        sleep(MOMENT).await;
        let started = Instant::now();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(other.await.unwrap(), Outcome::Unknown);
    }

    #[tokio::test(start_paused = true)]
    async fn a_withdrawn_key_stops_working_within_an_hour() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        published.publish(POOL, &[&NEW]);
        advance(REFRESH_AFTER.saturating_sub(MOMENT)).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        advance(MOMENT).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Unknown);
        assert_eq!(look_up(&keys, "new").await, Outcome::Found);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn old_keys_work_for_a_day_while_the_issuer_is_down() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        published.take_down(POOL);
        advance(MAX_AGE.saturating_sub(MOMENT)).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        advance(MOMENT).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
        published.publish(POOL, &[&OLD]);
        advance(RETRY).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
    }

    #[tokio::test(start_paused = true)]
    async fn with_old_keys_a_hanging_issuer_delays_one_request_per_minute_by_a_second() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        published.delay(Duration::from_hours(1));
        advance(REFRESH_AFTER).await;
        let started = Instant::now();
        for _ in 0..100 {
            assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        }
        assert!(started.elapsed() <= REFRESH_PATIENCE.saturating_add(MOMENT));
        assert_eq!(published.fetches(), 2);
        advance(REFRESH_RETRY).await;
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(published.fetches(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn other_requests_do_not_wait_for_a_refresh() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        published.delay(Duration::from_millis(500));
        advance(REFRESH_AFTER).await;
        let first = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { look_up(&keys, "old").await }
        });
        sleep(MOMENT).await;
        let started = Instant::now();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(first.await.unwrap(), Outcome::Found);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_set_without_usable_keys_does_not_replace_the_old_one() {
        let (keys, published) = keys();
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        for set in [json!({"keys": []}), json!({}), json!("keys")] {
            published.publish_set(POOL, set);
            advance(REFETCH_INTERVAL).await;
            assert_eq!(look_up(&keys, "new").await, Outcome::Unavailable);
            assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        }
    }

    /// Writes the file as the extension would have done `age` ago, when the pool published these keys.
    fn write(path: &Path, keys: &[&SigningKey], age: Duration) {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        let fetched_at = crate::testing::now() - age.as_secs();
        let url = format!("{POOL}/.well-known/jwks.json");
        let entry = json!({"issuer": POOL, "jwks_url": url, "fetched_at": fetched_at, "jwks": {"keys": keys}});
        let new = path.with_extension("new");
        std::fs::write(&new, json!({"version": 1, "issuers": [entry]}).to_string()).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    fn path(folder: &TempDir) -> PathBuf {
        folder.path().join("keys.json")
    }

    #[tokio::test(start_paused = true)]
    async fn keys_in_the_file_cost_no_fetch() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&OLD], Duration::ZERO);
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(published.fetches(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_in_the_file_costs_no_fetch() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&OLD], Duration::from_mins(1));
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        write(&path(&folder), &[&OLD, &NEW], Duration::ZERO);
        assert_eq!(look_up(&keys, "new").await, Outcome::Found);
        assert_eq!(published.fetches(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn old_keys_are_refreshed_from_the_file() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&OLD], Duration::from_mins(50));
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        published.publish(POOL, &[&NEW]);
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        advance(Duration::from_mins(20)).await;
        write(&path(&folder), &[&NEW], Duration::ZERO);
        // The file no longer contains the key, but only the issuer can say that it is unknown.
        assert_eq!(look_up(&keys, "old").await, Outcome::Unknown);
        assert_eq!(published.fetches(), 1);
        assert_eq!(look_up(&keys, "new").await, Outcome::Found);
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_missing_from_the_file_is_fetched() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&NEW], Duration::ZERO);
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_with_older_keys_is_ignored() {
        let folder = TempDir::new().unwrap();
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        write(&path(&folder), &[&NEW], Duration::from_mins(1));
        assert_eq!(look_up(&keys, "new").await, Outcome::Unknown);
        assert_eq!(look_up(&keys, "old").await, Outcome::Found);
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_invalid_file_is_ignored_without_waiting() {
        let folder = TempDir::new().unwrap();
        let url = "https://other.example/jwks.json";
        let other = json!({"issuer": OIDC, "jwks_url": url, "fetched_at": 1, "jwks": {"keys": []}});
        for text in [String::new(), "{".to_owned(), json!({"version": 1, "issuers": [other]}).to_string()] {
            std::fs::write(path(&folder), text).unwrap();
            let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
            let started = Instant::now();
            assert_eq!(look_up(&keys, "old").await, Outcome::Found);
            assert_eq!(started.elapsed(), Duration::ZERO);
            assert_eq!(published.fetches(), 1);
        }
        write(&path(&folder), &[&NEW], MAX_AGE);
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        published.take_down(POOL);
        assert_eq!(look_up(&keys, "new").await, Outcome::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_waits_for_the_first_file() {
        let folder = TempDir::new().unwrap();
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        let request = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { look_up(&keys, "old").await }
        });
        sleep(Duration::from_millis(100)).await;
        write(&path(&folder), &[&OLD], Duration::ZERO);
        assert_eq!(request.await.unwrap(), Outcome::Found);
        assert_eq!(published.fetches(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_never_appears_delays_only_the_first_request_and_briefly() {
        let folder = TempDir::new().unwrap();
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        published.take_down(POOL);
        let started = Instant::now();
        assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
        assert!(started.elapsed() < Duration::from_millis(300));
        assert_eq!(published.fetches(), 1);
        let started = Instant::now();
        assert_eq!(look_up(&keys, "old").await, Outcome::Unavailable);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
