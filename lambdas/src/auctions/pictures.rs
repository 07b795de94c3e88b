use std::{fmt, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::AuctionError;
use crate::{
    photos::PhotoType,
    storage::{Objects, keys},
    telemetry::Chain,
};

/// How many keys in a row may be taken before an upload gives up.
pub(super) const MAX_ATTEMPTS: usize = 100;

/// The pictures in the bucket, under `auctions/{id}/`. A picture never changes: a new one has a new key.
#[derive(Clone, Debug)]
pub struct PictureStore {
    objects: Objects,
}

/// A picture's key: `auctions/{id}/{timestamp}.{ext}`. Pictures are JPEG files; those of version 0.1 have any type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureKey {
    text: String,
    kind: PhotoType,
}

impl PictureKey {
    fn new(auction: Uuid, kind: PhotoType, now: Timestamp) -> Self {
        let timestamp = now.strftime("%Y%m%dT%H%M%S%3fZ").to_string();
        Self { text: keys::picture(auction, &timestamp, kind), kind }
    }

    /// Reads a key; `None` if it is not a picture's.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (_, extension) = text.strip_prefix(keys::AUCTIONS)?.rsplit_once('.')?;
        Some(Self { text: text.to_owned(), kind: PhotoType::of_extension(extension)? })
    }

    #[must_use]
    pub const fn kind(&self) -> PhotoType {
        self.kind
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for PictureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PictureStore {
    #[must_use]
    pub const fn new(objects: Objects) -> Self {
        Self { objects }
    }

    /// Stores a picture, which is a JPEG file, under a new key. If the key is taken, the next attempt is one
    /// millisecond later.
    ///
    /// # Errors
    /// [`AuctionError::Crowded`] and [`AuctionError::Storage`]; nothing is stored then.
    pub async fn put(&self, auction: Uuid, picture: Bytes) -> Result<PictureKey, AuctionError> {
        let kind = PhotoType::Jpg;
        let mut now = crate::time::now();
        for _ in 0..MAX_ATTEMPTS {
            let key = PictureKey::new(auction, kind, now);
            if self.objects.put_new(key.as_str(), kind.media_type(), picture.clone(), None).await? {
                return Ok(key);
            }
            now += Duration::from_millis(1);
        }
        Err(AuctionError::Crowded)
    }

    /// Deletes a picture that no auction shows. A failure is logged and leaves a private, unused object: the client
    /// could do nothing about it.
    pub async fn discard(&self, key: &PictureKey) {
        if let Err(error) = self.objects.delete(key.as_str()).await {
            tracing::error!(%key, error = %Chain(&error), "an unused picture was not deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_contains_auction_time_and_type() {
        let key = PictureKey::new(Uuid::nil(), PhotoType::Jpg, "2026-11-21T02:03:04.056Z".parse().unwrap());
        assert_eq!(key.as_str(), "auctions/00000000-0000-0000-0000-000000000000/20261121T020304056Z.jpg");
        assert_eq!(PictureKey::parse(key.as_str()), Some(key));
        assert_eq!(PictureKey::parse("photos/ann/20261121T020304056Z_a.jpg"), None);
        assert_eq!(PictureKey::parse("auctions/x/y.exe"), None);
    }
}
