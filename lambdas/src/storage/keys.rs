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
/// Photo indexes that a response redirects to: `snapshots/{user}/{changes}.json`. They expire after a day.
pub const SNAPSHOTS: &str = "snapshots/";
/// Records of users as versions up to 0.1 stored them: `users/{user}/record.json`. A repair moves them to the table.
pub const USERS: &str = "users/";
/// Small versions of photos: `renditions/{user}/{filename}/{recipe}-{longer}.jpg`.
pub const RENDITIONS: &str = "renditions/";
/// Auction pictures: `auctions/{auction}/{timestamp}.{ext}`.
pub const AUCTIONS: &str = "auctions/";

/// Bytes of uploads that are not accepted yet: `incoming/{user}/{upload}`. Never served.
pub const INCOMING: &str = "incoming/";

/// Plans and reports of jobs: `jobs/{user}/{job}/plan.json` and `jobs/{user}/{job}/report/{chunk}.json`. For an export
/// also what the user asked for, the photos of each chunk, and what each chunk has packed.
pub const JOBS: &str = "jobs/";

/// The archives that exports make: `exports/{user}/{job}/{number}.zip`. They expire after 3 days.
pub const EXPORTS: &str = "exports/";

/// What the user wants to export.
#[must_use]
pub fn request(user: &UserKey, job: Uuid) -> String {
    format!("{JOBS}{user}/{job}/request.json")
}

/// The photos of a chunk of an export, as one attempt to plan it has listed them.
#[must_use]
pub fn chunk(user: &UserKey, job: Uuid, attempt: Uuid, chunk: u32) -> String {
    format!("{JOBS}{user}/{job}/photos/{attempt}/{chunk}.json")
}

/// Where a chunk of an export has put its photos.
#[must_use]
pub fn packed(user: &UserKey, job: Uuid, chunk: u32) -> String {
    format!("{JOBS}{user}/{job}/packed/{chunk}.json")
}

/// The bytes of an export's chunk that are too few for a part.
#[must_use]
pub fn rest(user: &UserKey, job: Uuid, chunk: u32) -> String {
    format!("{JOBS}{user}/{job}/packed/{chunk}.bin")
}

/// An archive that an export makes, counted from 1.
#[must_use]
pub fn export(user: &UserKey, job: Uuid, number: usize) -> String {
    format!("{EXPORTS}{user}/{job}/{number}.zip")
}

/// How a job divides its work.
#[must_use]
pub fn plan(user: &UserKey, job: Uuid) -> String {
    format!("{JOBS}{user}/{job}/plan.json")
}

/// The outcomes of a chunk's entries.
#[must_use]
pub fn report(user: &UserKey, job: Uuid, chunk: u32) -> String {
    format!("{JOBS}{user}/{job}/report/{chunk}.json")
}

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

/// Where the renditions of a photo are.
#[must_use]
pub fn renditions(user: &UserKey, name: &PhotoName) -> String {
    format!("{RENDITIONS}{user}/{name}/")
}

/// A rendition of a photo, made by a version of the recipe, whose longer side has at most `longer` pixels.
#[must_use]
pub fn rendition(user: &UserKey, name: &PhotoName, recipe: u32, longer: u32) -> String {
    format!("{}{recipe}-{longer}.jpg", renditions(user, name))
}

/// A user's photo index.
#[must_use]
pub fn index(user: &UserKey) -> String {
    format!("{INDEX}{user}/images.json")
}

/// A user's photo index after so many changes of the photos.
#[must_use]
pub fn snapshot(user: &UserKey, changes: u64) -> String {
    format!("{SNAPSHOTS}{user}/{changes}.json")
}

/// A user's record as versions up to 0.1 stored it.
#[must_use]
pub fn old_record(user: &UserKey) -> String {
    format!("{USERS}{user}/record.json")
}

/// An auction's picture. `timestamp` is as in a photo's name.
#[must_use]
pub fn picture(auction: Uuid, timestamp: &str, kind: PhotoType) -> String {
    format!("{AUCTIONS}{auction}/{timestamp}.{}", kind.extension())
}

/// The user and the name of the photo at `key`; `None` if no photo has such a key.
#[must_use]
pub fn parse_photo(key: &str) -> Option<(UserKey, PhotoName)> {
    let (user, name) = key.strip_prefix(PHOTOS)?.split_once('/')?;
    Some((UserKey::from_segment(user)?, PhotoName::parse(name).ok()?))
}
