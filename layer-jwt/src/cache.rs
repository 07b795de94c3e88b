//! The keys of one issuer in memory, and when they are fetched again.
//!
//! - Keys younger than [`REFRESH_AFTER`] are used as they are. A token whose key is not among them causes a fetch, unless
//!   one was made less than [`REFETCH_INTERVAL`] ago: a flood of made-up key ids costs one fetch per interval.
//! - Older keys are fetched again by the first request that needs one, which waits [`REFRESH_PATIENCE`] at most, and
//!   goes on with the old ones when that fails; the next try is [`REFRESH_RETRY`] later. So a key that the issuer took
//!   back stops working within the hour, as long as the issuer answers.
//! - Keys older than [`MAX_AGE`] are not used, whatever the reason: then it is better to refuse than to believe.
//! - With no key at all, the next try is [`RETRY`] after a failed one.
//! - Where there is an extension, its file is looked into before each fetch, and often saves it; at the very start, a
//!   function waits a quarter of a second for it.
//! - There is never more than one fetch at a time for an issuer: whoever needs its result waits for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::fetch::{FetchError, FetchKeys};
use crate::issuer::Issuer;
use crate::jwk::{JwkSet, VerifyingKey};
use crate::keys_file::{FileVersion, KeysFile};

/// The age at which keys are fetched again.
pub const REFRESH_AFTER: Duration = Duration::from_hours(1);
/// The age at which keys are no longer used.
pub const MAX_AGE: Duration = Duration::from_hours(24);
/// The least time between a fetch that brought keys and the next for a key that was not among them. (The AWS library
/// `aws-jwt-verify` waits as long.)
pub const REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// The least time between a failed fetch and the next for a key that is missing.
pub const RETRY: Duration = Duration::from_secs(1);
/// The least time between two tries to replace old keys that can still be used.
pub const REFRESH_RETRY: Duration = Duration::from_mins(1);
/// How long a request waits for the replacement of old keys that can still be used.
pub const REFRESH_PATIENCE: Duration = Duration::from_secs(1);
/// How long a request waits for a key that it can't do without.
pub const FETCH_PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no key for a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The issuer has no such key.
    Unknown,
    /// The issuer's keys could not be had, so nobody knows.
    Unavailable,
}

/// The keys of one issuer.
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
    /// The version of the file that was read last.
    file_read: Option<FileVersion>,
}

struct Keys {
    by_id: HashMap<String, Arc<VerifyingKey>>,
    /// How old they were when they came here, and when that was.
    age_then: Duration,
    then: Instant,
}

struct Attempt {
    ended: Instant,
    succeeded: bool,
}

/// What is known of one key id.
enum Lookup {
    Fresh(Arc<VerifyingKey>),
    /// Still good, but it is time to ask whether the issuer took it back.
    Old(Arc<VerifyingKey>),
    Missing,
}

impl IssuerKeys {
    /// Keys of `issuer` that come from `file`, if there is one and it has them, else through `fetch`.
    pub(crate) fn new(issuer: Issuer, fetch: Arc<dyn FetchKeys>, file: Option<Arc<KeysFile>>) -> Self {
        Self { issuer, fetch, file, state: Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The key with this id.
    pub(crate) async fn key(&self, kid: &str) -> Result<Arc<VerifyingKey>, NoKey> {
        match self.lookup(kid) {
            Lookup::Fresh(key) => Ok(key),
            Lookup::Old(_) => {
                self.refresh().await;
                match self.lookup(kid) {
                    Lookup::Fresh(key) | Lookup::Old(key) => Ok(key),
                    Lookup::Missing => self.missing_key(kid).await,
                }
            }
            Lookup::Missing => self.missing_key(kid).await,
        }
    }

    /// Replaces keys that are old but can be used. Who comes while that goes on does not wait for it.
    async fn refresh(&self) {
        let Ok(_fetching) = self.fetching.try_lock() else {
            return;
        };
        self.read_file();
        let fresh = self.state().keys.as_ref().is_some_and(|keys| keys.age() < REFRESH_AFTER);
        if !fresh && self.may_fetch(REFRESH_RETRY, REFRESH_RETRY) {
            self.fetch(REFRESH_PATIENCE).await;
        }
    }

    async fn missing_key(&self, kid: &str) -> Result<Arc<VerifyingKey>, NoKey> {
        let _fetching = self.fetching.lock().await;
        if let Some(file) = &self.file
            && self.state().keys.is_none()
        {
            file.appear().await;
        }
        self.read_file();
        // It may be in the file, or whoever held the lock may have fetched it.
        if let Lookup::Fresh(key) | Lookup::Old(key) = self.lookup(kid) {
            return Ok(key);
        }
        if self.may_fetch(REFETCH_INTERVAL, RETRY) {
            self.fetch(FETCH_PATIENCE).await;
        }
        self.verdict(kid)
    }

    /// The key, or why there is none, after all that could be done.
    fn verdict(&self, kid: &str) -> Result<Arc<VerifyingKey>, NoKey> {
        match self.lookup(kid) {
            Lookup::Fresh(key) | Lookup::Old(key) => Ok(key),
            Lookup::Missing if self.last_fetch_succeeded() => Err(NoKey::Unknown),
            Lookup::Missing => Err(NoKey::Unavailable),
        }
    }

    /// Fetches the keys, and keeps the old ones if that fails.
    async fn fetch(&self, patience: Duration) {
        let fetched = timeout(patience, self.fetch.fetch(&self.issuer))
            .await
            .unwrap_or(Err(FetchError::TimedOut))
            .and_then(|set| Keys::new(&set, Duration::ZERO));
        let mut state = self.state();
        state.last_fetch = Some(Attempt { ended: Instant::now(), succeeded: fetched.is_ok() });
        match fetched {
            Ok(keys) => {
                let issuer = self.issuer.issuer();
                tracing::info!(issuer, keys = keys.by_id.len(), "fetched an issuer's keys");
                state.keys = Some(keys);
            }
            Err(error) => {
                let issuer = self.issuer.issuer();
                tracing::warn!(issuer, %error, "could not fetch an issuer's keys");
            }
        }
    }

    /// Takes the keys of the file, if it is a new one and its keys are younger than those that we have. It is a few
    /// kilobytes in memory (`/tmp`), so this does not wait for anything.
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
                tracing::warn!(path = %file.path().display(), %error, "the extension's file is passed over");
                return;
            }
        };
        let found = entries.iter().find(|entry| entry.are_of(&self.issuer));
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

    fn lookup(&self, kid: &str) -> Lookup {
        let state = self.state();
        let Some(keys) = &state.keys else {
            return Lookup::Missing;
        };
        let age = keys.age();
        match keys.by_id.get(kid) {
            Some(key) if age < REFRESH_AFTER => Lookup::Fresh(Arc::clone(key)),
            Some(key) if age < MAX_AGE => Lookup::Old(Arc::clone(key)),
            _ => Lookup::Missing,
        }
    }

    fn may_fetch(&self, after_success: Duration, after_failure: Duration) -> bool {
        self.state().last_fetch.as_ref().is_none_or(|last| {
            let pause = if last.succeeded { after_success } else { after_failure };
            last.ended.elapsed() >= pause
        })
    }

    fn last_fetch_succeeded(&self) -> bool {
        let state = self.state();
        state.last_fetch.as_ref().is_some_and(|last| last.succeeded)
    }

    /// Nothing panics while it holds this lock, so it is never poisoned; and if it were, the state would be whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    /// A set without a usable key is an issuer's mistake: it must not replace one that has some.
    fn new(set: &JwkSet, age: Duration) -> Result<Self, FetchError> {
        let by_id: HashMap<_, _> = set.verifying_keys().into_iter().map(|(kid, key)| (kid, Arc::new(key))).collect();
        if by_id.is_empty() {
            return Err(FetchError::NoKeys);
        }
        Ok(Self { by_id, age_then: age, then: Instant::now() })
    }

    fn age(&self) -> Duration {
        self.age_then.saturating_add(self.then.elapsed())
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
    use crate::testing::{InMemoryKeys, POOL, SigningKey, TRUSTED_ISSUERS};

    static OLD: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("old"));
    static NEW: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::es256("new"));

    const MOMENT: Duration = Duration::from_millis(1);

    /// The keys of an issuer that publishes the key `old`, and that issuer.
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

    async fn error(keys: &IssuerKeys, kid: &str) -> Option<NoKey> {
        keys.key(kid).await.err()
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_fetched_before_it_is_needed_and_then_once() {
        let (keys, published) = keys();
        assert_eq!(published.fetches(), 0);
        for _ in 0..10 {
            assert_eq!(error(&keys, "old").await, None);
        }
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_unknown_keys_costs_one_fetch() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        advance(REFETCH_INTERVAL).await;
        for made_up in 0..1000 {
            let error = error(&keys, &made_up.to_string()).await;
            assert_eq!(error, Some(NoKey::Unknown));
        }
        assert_eq!(published.fetches(), 2);
        assert_eq!(error(&keys, "old").await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_against_an_issuer_that_is_down_costs_one_fetch_a_second() {
        let (keys, published) = keys();
        published.take_down(POOL);
        for _ in 0..1000 {
            assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
            advance(Duration::from_millis(10)).await;
        }
        assert_eq!(published.fetches(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_is_asked_for_again_after_the_interval() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "new").await, Some(NoKey::Unknown));
        published.publish(POOL, &[&OLD, &NEW]);
        advance(REFETCH_INTERVAL.saturating_sub(MOMENT)).await;
        assert_eq!(error(&keys, "new").await, Some(NoKey::Unknown));
        advance(MOMENT).await;
        assert_eq!(error(&keys, "new").await, None);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn requests_at_once_share_one_fetch() {
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
    async fn requests_at_once_share_one_failure() {
        let (keys, published) = keys();
        published.take_down(POOL);
        published.delay(Duration::from_millis(100));
        let requests: Vec<_> = (0..50)
            .map(|_| {
                let keys = Arc::clone(&keys);
                tokio::spawn(async move { error(&keys, "old").await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap(), Some(NoKey::Unavailable));
        }
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_given_up_does_not_stop_the_others() {
        let (keys, published) = keys();
        published.delay(Duration::from_millis(100));
        let given_up = timeout(Duration::from_millis(50), keys.key("old")).await;
        assert!(given_up.is_err());
        assert_eq!(error(&keys, "old").await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_key_it_is_unavailable_and_tried_again_soon() {
        let (keys, published) = keys();
        published.take_down(POOL);
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
        assert_eq!(published.fetches(), 1);
        published.publish(POOL, &[&OLD]);
        advance(RETRY).await;
        assert_eq!(error(&keys, "old").await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_issuer_that_hangs_is_unavailable_after_a_while() {
        let (keys, published) = keys();
        published.delay(Duration::from_hours(1));
        let started = Instant::now();
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
        assert!(started.elapsed() <= FETCH_PATIENCE.saturating_add(MOMENT));
    }

    #[tokio::test(start_paused = true)]
    async fn known_keys_stay_usable_while_a_fetch_for_another_fails() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        published.take_down(POOL);
        advance(REFETCH_INTERVAL).await;
        assert_eq!(error(&keys, "new").await, Some(NoKey::Unavailable));
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn known_keys_do_not_wait_for_a_fetch_of_another() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        advance(REFETCH_INTERVAL).await;
        published.delay(Duration::from_secs(4));
        let other = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { error(&keys, "new").await }
        });
        sleep(MOMENT).await;
        let started = Instant::now();
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(other.await.unwrap(), Some(NoKey::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_taken_back_stops_working_within_the_hour() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        published.publish(POOL, &[&NEW]);
        advance(REFRESH_AFTER.saturating_sub(MOMENT)).await;
        assert_eq!(error(&keys, "old").await, None);
        advance(MOMENT).await;
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unknown));
        assert_eq!(error(&keys, "new").await, None);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn old_keys_are_used_for_a_day_while_the_issuer_is_down() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        published.take_down(POOL);
        advance(MAX_AGE.saturating_sub(MOMENT)).await;
        assert_eq!(error(&keys, "old").await, None);
        advance(MOMENT).await;
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
        published.publish(POOL, &[&OLD]);
        advance(RETRY).await;
        assert_eq!(error(&keys, "old").await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_issuer_delays_a_request_with_old_keys_a_second_a_minute() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        published.delay(Duration::from_hours(1));
        advance(REFRESH_AFTER).await;
        let started = Instant::now();
        for _ in 0..100 {
            assert_eq!(error(&keys, "old").await, None);
        }
        assert!(started.elapsed() <= REFRESH_PATIENCE.saturating_add(MOMENT));
        assert_eq!(published.fetches(), 2);
        advance(REFRESH_RETRY).await;
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(published.fetches(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn others_do_not_wait_while_old_keys_are_replaced() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        published.delay(Duration::from_millis(500));
        advance(REFRESH_AFTER).await;
        let first = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { error(&keys, "old").await }
        });
        sleep(MOMENT).await;
        let started = Instant::now();
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(first.await.unwrap(), None);
        assert_eq!(published.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_set_without_usable_keys_replaces_nothing() {
        let (keys, published) = keys();
        assert_eq!(error(&keys, "old").await, None);
        for set in [json!({"keys": []}), json!({}), json!("keys")] {
            published.publish_set(POOL, set);
            advance(REFETCH_INTERVAL).await;
            assert_eq!(error(&keys, "new").await, Some(NoKey::Unavailable));
            assert_eq!(error(&keys, "old").await, None);
        }
    }

    /// Writes the file as the extension would with an issuer that publishes these keys, fetched `age` ago.
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
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(published.fetches(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_in_the_file_costs_no_fetch() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&OLD], Duration::from_mins(1));
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(error(&keys, "old").await, None);
        write(&path(&folder), &[&OLD, &NEW], Duration::ZERO);
        assert_eq!(error(&keys, "new").await, None);
        assert_eq!(published.fetches(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn old_keys_are_replaced_from_the_file() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&OLD], Duration::from_mins(50));
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        published.publish(POOL, &[&NEW]);
        assert_eq!(error(&keys, "old").await, None);
        advance(Duration::from_mins(20)).await;
        write(&path(&folder), &[&NEW], Duration::ZERO);
        // Gone from the file: the function asks the issuer itself before it says so.
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unknown));
        assert_eq!(published.fetches(), 1);
        assert_eq!(error(&keys, "new").await, None);
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_the_file_does_not_have_is_fetched() {
        let folder = TempDir::new().unwrap();
        write(&path(&folder), &[&NEW], Duration::ZERO);
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_with_older_keys_replaces_nothing() {
        let folder = TempDir::new().unwrap();
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        assert_eq!(error(&keys, "old").await, None);
        write(&path(&folder), &[&NEW], Duration::from_mins(1));
        assert_eq!(error(&keys, "new").await, Some(NoKey::Unknown));
        assert_eq!(error(&keys, "old").await, None);
        assert_eq!(published.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_useless_file_is_passed_over_at_once() {
        let folder = TempDir::new().unwrap();
        let other = json!({"issuer": "https://other.example", "jwks_url": "https://other.example/", "fetched_at": 1, "jwks": {"keys": []}});
        for text in [String::new(), "{".to_owned(), json!({"version": 1, "issuers": [other]}).to_string()] {
            std::fs::write(path(&folder), text).unwrap();
            let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
            let started = Instant::now();
            assert_eq!(error(&keys, "old").await, None);
            assert_eq!(started.elapsed(), Duration::ZERO);
            assert_eq!(published.fetches(), 1);
        }
        write(&path(&folder), &[&NEW], MAX_AGE);
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        published.take_down(POOL);
        assert_eq!(error(&keys, "new").await, Some(NoKey::Unavailable));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_request_waits_for_the_extension_s_first_file() {
        let folder = TempDir::new().unwrap();
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        let request = tokio::spawn({
            let keys = Arc::clone(&keys);
            async move { error(&keys, "old").await }
        });
        sleep(Duration::from_millis(100)).await;
        write(&path(&folder), &[&OLD], Duration::ZERO);
        assert_eq!(request.await.unwrap(), None);
        assert_eq!(published.fetches(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_does_not_come_is_waited_for_once_and_shortly() {
        let folder = TempDir::new().unwrap();
        let (keys, published) = keys_with_file(Some(KeysFile::at(path(&folder))));
        published.take_down(POOL);
        let started = Instant::now();
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
        assert!(started.elapsed() < Duration::from_millis(300));
        assert_eq!(published.fetches(), 1);
        let started = Instant::now();
        assert_eq!(error(&keys, "old").await, Some(NoKey::Unavailable));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
