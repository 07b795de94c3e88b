//! Repair: makes the records of all photos equal the bucket. This is also how a deployment gets its first records.
//!
//! A run lists the users and then works on each of them by itself, in small steps. After each step it stores in the
//! table how far it is. A message in the queue `repair` stands for a part of the run, the list of users or one user,
//! and whoever receives it brings that part to its end, from wherever it is. So a message may be delivered twice, and
//! any call may die at any point: a step is repeated, finds less to do, and counts once.
//!
//! Users go on uploading and deleting meanwhile. A step only adds a record where there is neither record nor tombstone,
//! only removes one whose photo is gone, and only corrects a sum that has not changed since it was checked.

mod align;
mod compare;
mod progress;
mod queue;

use aws_types::SdkConfig;
use tokio::{time::Instant, try_join};
use uuid::Uuid;

use self::{
    align::{Aligned, Page, align},
    compare::{Differences, compare},
    progress::{Position, Runs},
    queue::RepairQueue,
};
use crate::{
    aws,
    config::ConfigError,
    index::{IndexSchedule, PhotoIndexStore},
    photos::{Edit, Library, PhotoRecord, Reconciler},
    renditions::{self, RenderQueue},
    storage::{CloudError, Objects, keys, table::Table},
    time::now,
    uploads::UploadStore,
    users::{Records, UserKey},
};
pub use queue::Task;

/// How many objects, records or folders one step reads: as many as one response of S3 lists.
const PAGE: u16 = 1_000;

/// Starts runs.
#[derive(Clone, Debug)]
pub struct Starter {
    runs: Runs,
    queue: RepairQueue,
}

impl Starter {
    /// Uses the table and the queue in the environment.
    ///
    /// # Errors
    /// If `LIBRARY_TABLE` or `REPAIR_QUEUE_URL` is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { runs: Runs::from_env(aws)?, queue: RepairQueue::from_env(aws)? })
    }

    /// Starts a run for all users or for one, and returns its id.
    ///
    /// # Errors
    /// Any [`CloudError`].
    pub async fn start(&self, user: Option<UserKey>) -> Result<Uuid, CloudError> {
        let run = Uuid::now_v7();
        if user.is_some() {
            self.runs.advance(run, None, (&Position::Start, &Position::Done), &[("users", 1)]).await?;
        }
        self.queue.send(&[Task { run, user }]).await?;
        Ok(run)
    }
}

/// Works on the parts of runs.
#[derive(Clone, Debug)]
pub struct Repair {
    runs: Runs,
    queue: RepairQueue,
    objects: Objects,
    library: Library,
    reconciler: Reconciler,
    records: Records,
    indexes: PhotoIndexStore,
    schedule: IndexSchedule,
    rendering: RenderQueue,
}

impl Repair {
    /// Uses the table, the bucket and the queues in the environment.
    ///
    /// # Errors
    /// If one of them is missing.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        let (objects, library) = (aws::objects(aws)?, Library::from_env(aws)?);
        let reconciler =
            Reconciler { objects: objects.clone(), library: library.clone(), uploads: UploadStore::from_env(aws)? };
        Ok(Self {
            runs: Runs::from_env(aws)?,
            queue: RepairQueue::from_env(aws)?,
            indexes: PhotoIndexStore::new(objects.clone()),
            schedule: IndexSchedule::from_env(aws)?,
            rendering: RenderQueue::from_env(aws)?,
            records: Records::new(Table::library(aws)?),
            objects,
            library,
            reconciler,
        })
    }

    /// Works on a part of a run. What is not done at `until` is left to the message that this sends then.
    ///
    /// # Errors
    /// Any [`CloudError`]. It can be repeated.
    pub async fn go_on(&self, task: &Task, until: Instant) -> Result<(), CloudError> {
        while Instant::now() < until {
            let position = self.runs.position(task.run, task.user.as_ref()).await?;
            match (&task.user, &position) {
                (_, Position::Done) | (None, Position::Compared) => return Ok(()),
                (None, Position::Start | Position::After(_)) => Box::pin(self.list_users(task.run, &position)).await?,
                (Some(user), Position::Start | Position::After(_)) => self.compare(task.run, user, &position).await?,
                (Some(user), Position::Compared) => self.check_sums(task.run, user).await?,
            }
        }
        self.queue.send(std::slice::from_ref(task)).await
    }

    /// Moves a user's record from the bucket, where versions up to 0.1 stored it, to the table. Returns whether there
    /// was one.
    async fn move_record(&self, user: &UserKey) -> Result<bool, CloudError> {
        let key = keys::old_record(user);
        let Some(object) = self.objects.get(&key).await? else { return Ok(false) };
        let json = object.body.collect().await;
        let json = json.map_err(|error| CloudError::caused("reading a user's record failed", error))?;
        let record = serde_json::from_slice(&json.into_bytes());
        let record = record.map_err(|error| CloudError::caused("a user's record cannot be read", error))?;
        self.records.take_over(user, &record).await?;
        self.objects.delete(&key).await?;
        Ok(true)
    }

    /// Lists some more users and sends a message for each. A user whose photos are all gone still has an index. One who
    /// never had photos may have a record that must be moved.
    async fn list_users(&self, run: Uuid, position: &Position) -> Result<(), CloudError> {
        let (photos, indexes, records) = try_join!(
            self.folders(keys::PHOTOS, position),
            self.folders(keys::INDEX, position),
            self.folders(keys::USERS, position),
        )?;
        let Aligned { rows, next } = align(align(photos, indexes).into_page(), records);
        let users = rows.keys().filter_map(|folder| UserKey::from_segment(folder.strip_suffix('/')?));
        let tasks: Vec<_> = users.map(|user| Task { run, user: Some(user) }).collect();
        self.queue.send(&tasks).await?;
        let next = next.map_or(Position::Done, Position::After);
        self.runs.advance(run, None, (position, &next), &[("users", tasks.len() as u64)]).await
    }

    async fn folders(&self, prefix: &str, position: &Position) -> Result<Page<()>, CloudError> {
        let (folders, has_more) = self.objects.folders(prefix, PAGE, position.after()).await?;
        page(folders.into_iter().map(|folder| (folder, ())).collect(), has_more)
    }

    /// Compares some more of a user's photos with their records, and corrects the records.
    async fn compare(&self, run: Uuid, user: &UserKey, position: &Position) -> Result<(), CloudError> {
        let objects = self.stored(user, position.after());
        let records = self.recorded(user, position.after());
        let (objects, records) = try_join!(objects, records)?;
        let hashed = records.entries.iter().map(|(_, record)| record).filter(|record| record.sha256.is_some());
        let hashed: Vec<_> = hashed.cloned().collect();
        let Differences { unrecorded, missing, unrendered, resized, objects, ignored, next } =
            compare(objects, records, now());
        let mut added = self.library.accept(user, &unrecorded).await?;
        if added < unrecorded.len() as u64 {
            added += self.restore(user, &unrecorded).await?;
        }
        let mut corrected = 0;
        for (name, size) in &resized {
            corrected += u64::from(self.library.edit(user, name, &Edit::Resize(*size)).await?.is_some());
        }
        let reconciled = self.reconciler.reconcile(user, &missing).await?;
        let grouped = self.library.group_copies(user, &hashed).await?;
        let tasks: Vec<_> = unrendered.into_iter().map(|name| renditions::Task { user: user.clone(), name }).collect();
        self.rendering.send(&tasks).await?;
        let counts = [
            ("objects", objects),
            ("ignored", ignored),
            ("added", added + reconciled.added),
            ("removed", reconciled.removed),
            ("resized", corrected),
            ("grouped", grouped),
            ("unrendered", tasks.len() as u64),
        ];
        let next = next.map_or(Position::Compared, Position::After);
        self.runs.advance(run, Some(user), (position, &next), &counts).await
    }

    async fn stored(&self, user: &UserKey, after: Option<&str>) -> Result<Page<u64>, CloudError> {
        let prefix = keys::photos(user);
        let listing = self.objects.list(&prefix, PAGE, after.map(|name| format!("{prefix}{name}")), None).await?;
        let name = |(key, size): (String, u64)| Some((key.strip_prefix(&prefix)?.to_owned(), size));
        page(listing.objects.into_iter().filter_map(name).collect(), listing.next.is_some())
    }

    async fn recorded(&self, user: &UserKey, after: Option<&str>) -> Result<Page<PhotoRecord>, CloudError> {
        let (records, has_more) = self.library.list_all(user, PAGE, after).await?;
        page(records.into_iter().map(|record| (record.name.to_string(), record)).collect(), has_more)
    }

    /// Records photos in spite of their tombstones. A tombstone is written after its photo was deleted, so a photo that
    /// still exists has been restored since. Returns how many.
    async fn restore(&self, user: &UserKey, records: &[PhotoRecord]) -> Result<u64, CloudError> {
        let mut restored = 0;
        for record in records {
            if let Some(ttl) = self.library.tombstone(user, &record.name).await?
                && self.objects.version(&keys::photo(user, &record.name)).await?.is_some()
            {
                restored += u64::from(self.library.revive(user, record, ttl).await?);
            }
        }
        Ok(restored)
    }

    /// Corrects what a user's records add up to, and has the photo index written if it is not right.
    async fn check_sums(&self, run: Uuid, user: &UserKey) -> Result<(), CloudError> {
        let is_moved = self.move_record(user).await?;
        self.library.release_expired(user).await?;
        self.reconciler.uploads.release_expired(user).await?;
        let recount = self.library.recount(user).await?;
        let index = self.indexes.contents(user).await?;
        let usage = self.library.usage(user).await?;
        if !index.fits(&usage) && usage.indexed >= usage.changes {
            self.library.touch(user).await?;
        }
        self.schedule.poke(user).await?;
        let counts = [
            ("photos", recount.stored.photos),
            ("bytes", recount.stored.bytes),
            ("recounted", u64::from(recount.is_corrected)),
            ("moved", u64::from(is_moved)),
        ];
        self.runs.advance(run, Some(user), (&Position::Compared, &Position::Done), &counts).await?;
        tracing::info!(
            %run,
            user = user.as_str(),
            photos = recount.stored.photos,
            recounted = recount.is_corrected,
            "repaired"
        );
        Ok(())
    }
}

/// A page on which the comparison can rely.
fn page<T>(entries: Vec<(String, T)>, has_more: bool) -> Result<Page<T>, CloudError> {
    if has_more && entries.is_empty() {
        return Err(CloudError::unusable("a page without entries that is not the last one"));
    }
    Ok(Page { entries, has_more })
}
