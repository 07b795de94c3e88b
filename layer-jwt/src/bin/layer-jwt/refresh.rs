//! Fetching the keys that are due and writing them to the file.

use std::sync::Arc;
use std::time::Duration;

use layer_jwt::{FetchError, FetchKeys as _, FetchedKeys, HttpKeys, Issuer, Issuers, JwkSet, KeysFile, with_sources};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The shortest time between a failed fetch from an issuer and the next one.
const RETRY: Duration = Duration::from_secs(10);

/// Keeps the keys in the file fresh.
pub(crate) struct Refresher {
    issuers: Vec<Tracked>,
    file: KeysFile,
    fetch: Arc<HttpKeys>,
    refresh_after: Duration,
}

struct Tracked {
    issuer: Arc<Issuer>,
    keys: Option<FetchedKeys>,
    last_failure: Option<Instant>,
}

impl Refresher {
    /// Starts with the keys in the file: Lambda restarts a crashed function with its extensions, but keeps `/tmp`.
    pub(crate) fn new(issuers: &Issuers, file: KeysFile, refresh_after: Duration) -> Self {
        let kept = file.read().unwrap_or_default();
        let track = |issuer: &Issuer| Tracked {
            issuer: Arc::new(issuer.clone()),
            keys: kept.iter().find(|keys| keys.belong_to(issuer)).cloned(),
            last_failure: None,
        };
        let issuers = issuers.iter().map(track).collect();
        Self { issuers, file, fetch: Arc::new(HttpKeys::new()), refresh_after }
    }

    /// Fetches the keys that are due, now and on every invocation. Never returns.
    pub(crate) async fn run(mut self, invoked: Arc<Notify>) {
        loop {
            self.refresh().await;
            invoked.notified().await;
        }
    }

    /// Fetches the keys that are due from all issuers concurrently. The file is written after each response, so that
    /// the keys of one issuer do not wait for another that is slow or down.
    async fn refresh(&mut self) {
        let mut fetches = JoinSet::new();
        for (index, tracked) in self.issuers.iter().enumerate() {
            if tracked.is_due(self.refresh_after) {
                let (fetch, issuer) = (Arc::clone(&self.fetch), Arc::clone(&tracked.issuer));
                fetches.spawn(async move { (index, fetch.fetch(&issuer).await) });
            }
        }
        while let Some(fetched) = fetches.join_next().await {
            if let Ok((index, fetched)) = fetched
                && let Some(tracked) = self.issuers.get_mut(index)
            {
                tracked.update(fetched);
                self.write();
            }
        }
    }

    fn write(&self) {
        let keys = self.issuers.iter().filter_map(|tracked| tracked.keys.clone()).collect();
        if let Err(error) = self.file.write(keys) {
            tracing::warn!(path = %self.file.path().display(), %error, "could not write the keys file");
        }
    }
}

impl Tracked {
    fn is_due(&self, refresh_after: Duration) -> bool {
        let age = self.keys.as_ref().and_then(FetchedKeys::age);
        let may_try = self.last_failure.is_none_or(|failure| failure.elapsed() >= RETRY.min(refresh_after));
        may_try && age.is_none_or(|age| age >= refresh_after)
    }

    /// Keeps the old keys if the fetch failed.
    fn update(&mut self, fetched: Result<JwkSet, FetchError>) {
        let issuer = self.issuer.issuer();
        match fetched.and_then(|set| if set.is_usable() { Ok(set) } else { Err(FetchError::NoKeys) }) {
            Ok(set) => {
                tracing::info!(issuer, "fetched an issuer's keys");
                self.keys = Some(FetchedKeys::now(&self.issuer, set));
                self.last_failure = None;
            }
            Err(error) => {
                tracing::warn!(issuer, error = with_sources(&error), "could not fetch an issuer's keys");
                self.last_failure = Some(Instant::now());
            }
        }
    }
}
