//! Every prefix and key in the bucket.

use uuid::Uuid;

use crate::{
    photos::{PhotoName, PhotoType},
    users::UserKey,
};

/// Photos: `photos/{user}/{filename}`.
pub const PHOTOS: &str = "photos/";
/// Photo indexes: `index/{user}/images.json`.
pub const INDEX: &str = "index/";
/// Users' records: `users/{user}/record.json`.
pub const USERS: &str = "users/";
/// Auction pictures: `auctions/{auction}/{timestamp}.{ext}`.
pub const AUCTIONS: &str = "auctions/";

/// Bytes of uploads that are not accepted yet: `incoming/{user}/{upload}`. Never served.
pub const INCOMING: &str = "incoming/";

/// Where a user's photos are.
#[must_use]
pub fn photos(user: &UserKey) -> String {
    format!("{PHOTOS}{user}/")
}

#[must_use]
pub fn photo(user: &UserKey, name: &PhotoName) -> String {
    format!("{PHOTOS}{user}/{name}")
}

#[must_use]
pub fn incoming(user: &UserKey, upload: Uuid) -> String {
    format!("{INCOMING}{user}/{upload}")
}

/// A user's photo index.
#[must_use]
pub fn index(user: &UserKey) -> String {
    format!("{INDEX}{user}/images.json")
}

#[must_use]
pub fn record(user: &UserKey) -> String {
    format!("{USERS}{user}/record.json")
}

/// An auction's picture. `timestamp` is as in a photo's name.
#[must_use]
pub fn picture(auction: Uuid, timestamp: &str, kind: PhotoType) -> String {
    format!("{AUCTIONS}{auction}/{timestamp}.{}", kind.extension())
}

/// The user whose photo is at `key`; `None` if the key is not under [`PHOTOS`].
#[must_use]
pub fn owner_of_photo(key: &str) -> Option<UserKey> {
    let (user, _) = key.strip_prefix(PHOTOS)?.split_once('/')?;
    UserKey::from_segment(user)
}
