//! Which photos of a user have the same bytes.
//!
//! The photos with one SHA-256 that are not in the trash form a group. Its items in the user's partition are
//! `hash#{sha256}#{filename}` for each photo, and `hash#{sha256}` with the name of the oldest one. So a page of photos
//! needs one item for each hash, and when the oldest photo goes, one query finds the next one.
//!
//! These items change in the transaction that changes the record. `version` counts the changes of the group. If it has
//! grown since the group was read, the transaction fails and is tried again.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::builders::UpdateBuilder;

use super::{
    Library, Photo, PhotoName, PhotoRecord,
    library::{MAX_ATTEMPTS, unchanged},
    record::photo_item,
};
use crate::{
    renditions,
    storage::{
        CloudError, ErrorKind,
        presign::Presigner,
        table::{Item, MalformedItem, Write, item_key, number, pause_before, required, required_number, text},
    },
    users::UserKey,
};

/// How the range keys of these items begin.
const HASH: &str = "hash#";

/// The item of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    oldest: PhotoName,
    version: u64,
}

impl Group {
    fn from_item(item: &Item) -> Result<Self, MalformedItem> {
        Ok(Self {
            oldest: required(item, "oldest", |name| PhotoName::parse(name).ok())?,
            version: required_number(item, "version")?,
        })
    }
}

impl PhotoRecord {
    /// The hash by which the photo counts as a copy of others.
    pub(super) fn shared_hash(&self) -> Option<&str> {
        self.sha256.as_deref().filter(|_| self.trashed_at.is_none())
    }
}

impl Library {
    /// Photos as responses show them.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn show(
        &self,
        user: &UserKey,
        records: Vec<PhotoRecord>,
        presigner: &Presigner,
    ) -> Result<Vec<Photo>, CloudError> {
        let urls: Vec<_> =
            records.iter().map(|record| renditions::urls(user, record, presigner)).collect::<Result<_, _>>()?;
        let photos = self.show_without_urls(user, records).await?.into_iter().zip(urls);
        let photos = photos.map(|(photo, urls)| {
            let (thumbnail_url, preview_url) = urls.unzip();
            Photo { thumbnail_url, preview_url, ..photo }
        });
        Ok(photos.collect())
    }

    /// As [`Library::show`], without the URLs of renditions.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub(crate) async fn show_without_urls(
        &self,
        user: &UserKey,
        records: Vec<PhotoRecord>,
    ) -> Result<Vec<Photo>, CloudError> {
        let hashes: BTreeSet<_> = records.iter().filter_map(|record| record.sha256.as_deref()).collect();
        let keys = hashes.into_iter().map(|hash| item_key(user, &group_item(hash))).collect();
        let mut oldest = BTreeMap::new();
        for item in self.table().get_all(keys).await? {
            let hash = required(&item, "item", |item| item.strip_prefix(HASH).map(str::to_owned))?;
            oldest.insert(hash, Group::from_item(&item)?.oldest);
        }
        let photos = records.into_iter().map(|record| {
            let oldest = record.sha256.as_ref().and_then(|hash| oldest.get(hash));
            let duplicate_of = oldest.filter(|oldest| **oldest != record.name).cloned();
            Photo::new(record, duplicate_of)
        });
        Ok(photos.collect())
    }

    /// A photo as responses show it.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn show_one(
        &self,
        user: &UserKey,
        record: PhotoRecord,
        presigner: &Presigner,
    ) -> Result<Photo, CloudError> {
        let mut photos = self.show(user, vec![record], presigner).await?;
        photos.pop().ok_or_else(|| CloudError::unusable("a record makes no photo"))
    }

    /// The writes that move a photo from the group of the hash `old` to that of the hash `new`. They fail if a group
    /// has changed since.
    pub(crate) async fn hash_writes(
        &self,
        user: &UserKey,
        name: &PhotoName,
        old: Option<&str>,
        new: Option<&str>,
    ) -> Result<Vec<Write>, CloudError> {
        let mut writes = Vec::new();
        if old == new {
            return Ok(writes);
        }
        if let Some(hash) = old {
            writes.extend(self.leave(user, name, hash).await?);
        }
        if let Some(hash) = new {
            writes.extend(self.join(user, name, hash).await?);
        }
        Ok(writes)
    }

    /// Adds photos to the groups of their hashes, where earlier versions left them out. Returns how many.
    pub(crate) async fn group_copies(&self, user: &UserKey, records: &[PhotoRecord]) -> Result<u64, CloudError> {
        let members: BTreeMap<_, _> = records
            .iter()
            .filter_map(|record| Some((member_item(record.shared_hash()?, &record.name), &record.name)))
            .collect();
        let keys = members.keys().map(|item| item_key(user, item)).collect();
        let mut missing = members;
        for item in self.table().get_all(keys).await? {
            missing.remove(&required(&item, "item", |item| Some(item.to_owned()))?);
        }
        let mut added = 0;
        for name in missing.into_values() {
            added += u64::from(self.group_copy(user, name).await?);
        }
        Ok(added)
    }

    async fn group_copy(&self, user: &UserKey, name: &PhotoName) -> Result<bool, CloudError> {
        for attempt in 0..MAX_ATTEMPTS {
            pause_before(attempt).await;
            let record = self.get(user, name).await?;
            let Some(record) = record.filter(|record| record.shared_hash().is_some()) else { return Ok(false) };
            let (condition, names, values) = unchanged(&record);
            let check = self.table().check(item_key(user, &photo_item(name))).condition_expression(condition);
            let check = check.set_expression_attribute_names(Some(names));
            let mut writes = self.hash_writes(user, name, None, record.shared_hash()).await?;
            writes.push(Write::Check(check.set_expression_attribute_values(Some(values))));
            if self.table().transact(writes).await?.is_none() {
                return Ok(true);
            }
        }
        Err(CloudError::of_kind(ErrorKind::Throttled, "the photos with the same bytes kept changing"))
    }

    async fn join(&self, user: &UserKey, name: &PhotoName, hash: &str) -> Result<Vec<Write>, CloudError> {
        let key = item_key(user, &group_item(hash));
        let group = match self.group(user, hash).await? {
            None => {
                let mut item = key;
                item.insert("oldest".to_owned(), text(name.as_str()));
                item.insert("version".to_owned(), number(1));
                Write::Put(self.table().put_new(item))
            }
            Some(group) => Write::Update(self.change_group(key, &group, name.min(&group.oldest))),
        };
        Ok(vec![group, Write::Put(self.table().put(item_key(user, &member_item(hash, name))))])
    }

    async fn leave(&self, user: &UserKey, name: &PhotoName, hash: &str) -> Result<Vec<Write>, CloudError> {
        let Some(group) = self.group(user, hash).await? else { return Ok(Vec::new()) };
        let key = item_key(user, &group_item(hash));
        let oldest =
            if group.oldest == *name { self.next(user, hash, name).await? } else { Some(group.oldest.clone()) };
        let change = if let Some(oldest) = oldest {
            Write::Update(self.change_group(key, &group, &oldest))
        } else {
            let delete = self.table().delete(key).condition_expression("version = :version");
            Write::Delete(delete.expression_attribute_values(":version", number(group.version)))
        };
        Ok(vec![change, Write::Delete(self.table().delete(item_key(user, &member_item(hash, name))))])
    }

    async fn group(&self, user: &UserKey, hash: &str) -> Result<Option<Group>, CloudError> {
        let item = self.table().get(item_key(user, &group_item(hash))).await?;
        Ok(item.map(|item| Group::from_item(&item)).transpose()?)
    }

    fn change_group(&self, key: Item, group: &Group, oldest: &PhotoName) -> UpdateBuilder {
        self.table()
            .update(key)
            .update_expression("SET oldest = :oldest ADD version :one")
            .condition_expression("version = :version")
            .expression_attribute_values(":oldest", text(oldest.as_str()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":version", number(group.version))
    }

    /// The oldest photo of a group, except the one that leaves.
    async fn next(&self, user: &UserKey, hash: &str, leaving: &PhotoName) -> Result<Option<PhotoName>, CloudError> {
        let prefix = format!("{}#", group_item(hash));
        let first = self.table().query_prefix(user, &prefix).limit(2).send().await?;
        for item in first.items() {
            let name = required(item, "item", |item| PhotoName::parse(item.strip_prefix(&prefix)?).ok())?;
            if name != *leaving {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }
}

fn group_item(hash: &str) -> String {
    format!("{HASH}{hash}")
}

fn member_item(hash: &str, name: &PhotoName) -> String {
    format!("{HASH}{hash}#{name}")
}
