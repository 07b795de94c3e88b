use std::{fmt, time::Duration};

use aws_sdk_s3::Client;
use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::AuctionError;
use crate::{
    aws::explain,
    photos::{PhotoType, put_if_free},
};

/// How many names in a row may be taken before an upload gives up.
const MAX_TRIES: usize = 100;

/// The pictures in the bucket, under `auctions/{id}/`. None is ever changed: a new one has a new key.
#[derive(Clone, Debug)]
pub struct PictureStore {
    s3: Client,
    bucket: String,
}

/// Where a picture lies: `auctions/{id}/{timestamp}.{ext}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureKey {
    text: String,
    kind: PhotoType,
}

impl PictureKey {
    fn new(auction: Uuid, kind: PhotoType, now: Timestamp) -> Self {
        let text = format!("auctions/{auction}/{}.{}", now.strftime("%Y%m%dT%H%M%S%3fZ"), kind.extension());
        Self { text, kind }
    }

    /// Reads a key; none when it cannot be one of a picture.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (_, extension) = text.strip_prefix("auctions/")?.rsplit_once('.')?;
        Some(Self { text: text.to_owned(), kind: PhotoType::of_extension(extension)? })
    }

    /// What the picture is.
    #[must_use]
    pub const fn kind(&self) -> PhotoType {
        self.kind
    }

    /// The whole key.
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
    /// The pictures in `bucket`.
    #[must_use]
    pub const fn new(s3: Client, bucket: String) -> Self {
        Self { s3, bucket }
    }

    /// Stores a picture under a key of its own; a key that is taken is tried again one millisecond later.
    ///
    /// # Errors
    /// [`AuctionError::Storage`]; nothing is stored then.
    pub async fn put(&self, auction: Uuid, kind: PhotoType, picture: Bytes) -> Result<PictureKey, AuctionError> {
        let mut now = crate::time::now();
        for _ in 0..MAX_TRIES {
            let key = PictureKey::new(auction, kind, now);
            match put_if_free(&self.s3, &self.bucket, key.as_str(), kind, picture.clone()).await {
                Ok(true) => return Ok(key),
                Ok(false) => now += Duration::from_millis(1),
                Err(error) => return Err(AuctionError::Storage(explain(*error))),
            }
        }
        Err(AuctionError::Storage(format!("no free key for a picture within {MAX_TRIES} ms")))
    }

    /// Removes a picture that no auction shows. When that fails, the picture stays, private and unused, which is
    /// logged: there is nothing that the client could do about it.
    pub async fn discard(&self, key: &PictureKey) {
        let deleted = self.s3.delete_object().bucket(&self.bucket).key(key.as_str()).send().await;
        if let Err(error) = deleted {
            tracing::error!(%key, error = explain(error), "a picture was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_auction_time_and_kind() {
        let key = PictureKey::new(Uuid::nil(), PhotoType::Jpg, "2026-11-21T02:03:04.056Z".parse().unwrap());
        assert_eq!(key.as_str(), "auctions/00000000-0000-0000-0000-000000000000/20261121T020304056Z.jpg");
        assert_eq!(PictureKey::parse(key.as_str()), Some(key));
        assert_eq!(PictureKey::parse("photos/ann/20261121T020304056Z_a.jpg"), None);
        assert_eq!(PictureKey::parse("auctions/x/y.exe"), None);
    }
}
