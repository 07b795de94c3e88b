use std::time::Duration;

use aws_types::SdkConfig;
use futures_util::future::try_join_all;
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{
    Declaration, Part, Refusal, Session, State, UploadKind, UploadStore, UploadView,
    session::{NoHeaders, PARTS_PER_RESPONSE},
    store::{End, Lease, Leased, RequestKey, Started, Stored},
};
use crate::{
    archive::{ArchiveError, View},
    aws,
    config::{self, ConfigError},
    hex::hex,
    jobs::{Archive, Job, JobQueue, JobStore, JobView, Subject, read_archive, start},
    photos::{Exceeded, PhotoName, PhotoType, Quota},
    storage::{
        CloudError, ErrorKind, Objects, keys,
        objects::{ArrivedPart, ObjectVersion},
        presign::{PART_EXPIRES_IN, PresignError, Presigner},
    },
    telemetry::Chain,
    time::{now, rfc3339},
    users::UserKey,
};

/// How long `complete` waits for another call that checks the same upload.
const WAIT: Duration = Duration::from_secs(8);

/// How often it checks whether that call has finished.
const LOOK: Duration = Duration::from_millis(250);

/// How many names are tried for a photo. Each is one millisecond later than the one before.
const MAX_NAMES: usize = 100;

/// The maximum number of missing parts in one response.
const MISSING_PER_RESPONSE: usize = 1_000;

/// Uploads in parts.
#[derive(Clone, Debug)]
pub struct Uploads {
    store: UploadStore,
    objects: Objects,
    presigner: Presigner,
    jobs: JobStore,
    /// The largest photo and the largest archive in bytes.
    max_photo_bytes: u64,
    max_archive_bytes: u64,
    quota: Quota,
}

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("no such upload")]
    NotFound,
    /// It was cancelled, has expired, or is done.
    #[error("the upload has ended")]
    Ended,
    #[error("the file is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    /// The checksum of so large an archive is not checked.
    #[error("the checksum of an archive over {limit} bytes cannot be checked")]
    Unchecked { limit: u64 },
    #[error("too many open uploads")]
    TooMany,
    #[error("too many running jobs")]
    TooManyJobs,
    #[error("the quota is exceeded")]
    Exceeded(Exceeded),
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// The numbers of the parts, lowest first.
    #[error("{} parts are missing", .0.len())]
    PartsMissing(Vec<u32>),
    #[error("the upload is refused: {}", .0.as_str())]
    Refused(Refusal),
    /// Another call is checking the upload.
    #[error("another call is checking the upload")]
    Busy,
    #[error("no free name within {MAX_NAMES} ms")]
    Crowded,
    #[error("the storage for uploads failed")]
    Storage(#[from] CloudError),
    #[error("the URL cannot be presigned")]
    Presign(#[from] PresignError),
}

impl Uploads {
    /// Uses the table, the bucket and the limit in the environment.
    ///
    /// # Errors
    /// If one of them is missing or invalid.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            store: UploadStore::from_env(aws)?,
            objects: aws::objects(aws)?,
            presigner: aws::presigner()?,
            jobs: JobStore::from_env(aws)?,
            max_photo_bytes: config::Uploads::max_photo_bytes()?,
            max_archive_bytes: config::Uploads::max_archive_bytes()?,
            quota: Quota::from_env()?,
        })
    }

    /// Starts an upload. A repeated request with the same idempotency key and declaration returns the same
    /// upload.
    ///
    /// # Errors
    /// [`UploadError::TooLarge`], [`UploadError::TooMany`], [`UploadError::Exceeded`], [`UploadError::KeyReused`], and
    /// failures of the storage.
    pub async fn create(
        &self,
        user: &UserKey,
        declaration: Declaration,
        idempotency_key: Option<&str>,
    ) -> Result<UploadView, UploadError> {
        let limit = match declaration.kind {
            UploadKind::Photo => self.max_photo_bytes,
            UploadKind::Archive => self.max_archive_bytes,
        };
        if declaration.size > limit {
            return Err(UploadError::TooLarge { limit });
        }
        // A call of `complete` has no time to read more than the largest photo.
        if declaration.sha256.is_some() && declaration.size > self.max_photo_bytes {
            return Err(UploadError::Unchecked { limit: self.max_photo_bytes });
        }
        let key = idempotency_key.map(|key| RequestKey::new(key, &declaration));
        if let Some(key) = &key
            && let Some(upload) = self.store.find_key(user, key, now()).await?
        {
            return self.created_before(user, upload).await;
        }
        let id = Uuid::now_v7();
        let incoming = keys::incoming(user, id);
        // The bytes are not checked yet, so they get a type that no browser displays.
        let multipart = self.objects.start_multipart(&incoming, "application/octet-stream", &id.to_string()).await?;
        let session = Session::new(id, declaration, multipart, now());
        // If this fails, nobody knows whether the upload is stored. So its multipart upload stays: it is needed if so,
        // and else the bucket's lifecycle rules abort it.
        let stored = self.store.create(user, &session, self.quota, key.as_ref()).await?;
        if !matches!(stored, Stored::New)
            && let Err(error) = self.objects.abort_multipart(&incoming, &session.multipart).await
        {
            tracing::warn!(error = %Chain(&error), "an unused multipart upload was not aborted");
        }
        match stored {
            Stored::New => self.view(user, &session).await,
            Stored::TooMany => Err(UploadError::TooMany),
            Stored::Exceeded(exceeded) => Err(UploadError::Exceeded(exceeded)),
            Stored::KeyUsed(upload) => self.created_before(user, upload).await,
        }
    }

    async fn created_before(&self, user: &UserKey, upload: Option<Uuid>) -> Result<UploadView, UploadError> {
        self.get(user, upload.ok_or(UploadError::KeyReused)?).await
    }

    /// An upload, with URLs for the first of the parts that have not arrived.
    ///
    /// # Errors
    /// [`UploadError::NotFound`], and failures of the storage.
    pub async fn get(&self, user: &UserKey, id: Uuid) -> Result<UploadView, UploadError> {
        self.view(user, &self.find(user, id).await?).await
    }

    /// The uploads that have not ended, oldest first, without their parts.
    ///
    /// # Errors
    /// Failures of the storage.
    pub async fn list(&self, user: &UserKey) -> Result<Vec<UploadView>, UploadError> {
        let open = self.store.open(user, now()).await?;
        let views = open.into_iter().map(async |session| {
            let arrived = self.arrived(user, &session).await?;
            Ok::<_, UploadError>(session.view(now(), received(&session, arrived.as_deref()), None))
        });
        try_join_all(views).await
    }

    /// New URLs for parts of an open upload. `Ok(Err(index))` if there is no part with the number at `index`.
    ///
    /// # Errors
    /// [`UploadError::NotFound`], [`UploadError::Ended`], and failures of the storage.
    pub async fn parts(
        &self,
        user: &UserKey,
        id: Uuid,
        numbers: &[u32],
    ) -> Result<Result<Vec<Part>, usize>, UploadError> {
        let session = self.find(user, id).await?;
        match session.state_at(now()) {
            State::Open => {}
            State::Checking => return Err(UploadError::Busy),
            State::Done | State::Refused | State::Cancelled | State::Expired => return Err(UploadError::Ended),
        }
        if let Some(index) = numbers.iter().position(|number| session.size_of_part(*number).is_none()) {
            return Ok(Err(index));
        }
        Ok(Ok(self.sign(user, &session, numbers)?))
    }

    /// Checks what has arrived, and stores it as a photo or starts the job for an archive. A repeated call returns the
    /// same result.
    ///
    /// Every step can be repeated. A call that dies leaves its lease, and the first call after the lease has expired
    /// continues. The photo's name is stored before the photo, and the photo says which upload made it, so no step
    /// makes a second photo.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn complete(&self, user: &UserKey, id: Uuid, queue: &JobQueue) -> Result<UploadView, UploadError> {
        let give_up = Instant::now() + WAIT;
        loop {
            match self.store.lease(user, id, now()).await {
                Ok(Leased::Ours(lease, session)) if session.declaration.kind == UploadKind::Archive => {
                    return self.accept_archive(user, *session, &lease, queue).await;
                }
                Ok(Leased::Ours(lease, session)) => return self.accept(user, *session, &lease).await,
                Ok(Leased::Held) if Instant::now() < give_up => sleep(LOOK).await,
                Ok(Leased::Held) => return Err(UploadError::Busy),
                Err(error) if error.kind() == ErrorKind::Throttled && Instant::now() < give_up => sleep(LOOK).await,
                Ok(Leased::Ended(session)) => {
                    // The call that ended it may have died before it deleted the bytes. The job of an archive does
                    // that itself.
                    if session.job.is_none() {
                        self.clean_up(&keys::incoming(user, id)).await;
                    }
                    return self.outcome(user, &session).await;
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(UploadError::NotFound),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Cancels an upload and deletes its bytes. An upload that has ended without a photo stays as it is.
    ///
    /// # Errors
    /// [`UploadError::NotFound`], [`UploadError::Ended`] if the photo is stored, [`UploadError::Busy`] while it is
    /// checked, and failures of the storage.
    pub async fn cancel(&self, user: &UserKey, id: Uuid) -> Result<(), UploadError> {
        let session = self.find(user, id).await?;
        if session.state == State::Done {
            return Err(UploadError::Ended);
        }
        // A call of `complete` that died may have stored the photo.
        if let Some(name) = self.stored(user, &session).await? {
            self.store.record(user, id, &name).await?;
            return Err(UploadError::Ended);
        }
        let open = matches!(session.state_at(now()), State::Open | State::Checking);
        if open && !self.store.cancel(user, &session, now()).await? {
            match self.find(user, id).await?.state_at(now()) {
                State::Done => return Err(UploadError::Ended),
                // A call of `complete` had the lease, and may have given it back.
                State::Open | State::Checking => return Err(UploadError::Busy),
                State::Refused | State::Cancelled | State::Expired => {}
            }
        }
        let incoming = keys::incoming(user, id);
        self.objects.abort_multipart(&incoming, &session.multipart).await?;
        // A call of `complete` that died may have assembled the parts.
        Ok(self.discard(&incoming).await?)
    }

    async fn find(&self, user: &UserKey, id: Uuid) -> Result<Session, UploadError> {
        self.store.get(user, id, now()).await?.ok_or(UploadError::NotFound)
    }

    async fn view(&self, user: &UserKey, session: &Session) -> Result<UploadView, UploadError> {
        let (received, parts) = match session.state_at(now()) {
            State::Open => {
                let arrived = self.arrived(user, session).await?;
                // Once the parts are assembled, none is missing.
                let mut missing = arrived.as_ref().map(|arrived| session.missing(arrived)).unwrap_or_default();
                missing.truncate(PARTS_PER_RESPONSE);
                (received(session, arrived.as_deref()), self.sign(user, session, &missing)?)
            }
            State::Checking => (received(session, self.arrived(user, session).await?.as_deref()), Vec::new()),
            State::Done => (session.declaration.size, Vec::new()),
            State::Refused | State::Cancelled | State::Expired => (0, Vec::new()),
        };
        let mut view = session.view(now(), received, Some(parts));
        if let Some(record) = session.record().filter(|_| view.photo.is_some()) {
            view.photo = Some(self.store.library().show_one(user, record, &self.presigner).await?);
        }
        Ok(UploadView { job: self.job(user, session).await?, ..view })
    }

    /// The job of an archive, if it has started.
    async fn job(&self, user: &UserKey, session: &Session) -> Result<Option<JobView>, UploadError> {
        let Some(id) = session.job else { return Ok(None) };
        Ok(self.jobs.get(user, id).await?.map(|job| job.view()))
    }

    /// The number and size of each part that has arrived; `None` once the parts are assembled or deleted.
    async fn arrived(&self, user: &UserKey, session: &Session) -> Result<Option<Vec<(u32, u64)>>, UploadError> {
        let parts = self.objects.arrived(&keys::incoming(user, session.id), &session.multipart).await?;
        Ok(parts.map(|parts| parts.iter().map(|part| (part.number, part.size)).collect()))
    }

    fn sign(&self, user: &UserKey, session: &Session, numbers: &[u32]) -> Result<Vec<Part>, UploadError> {
        let incoming = keys::incoming(user, session.id);
        let expires_at = rfc3339((now() + PART_EXPIRES_IN).min(session.expires_at));
        let sizes = numbers.iter().filter_map(|number| Some((*number, session.size_of_part(*number)?)));
        let part = |(number, size)| {
            let url = self.presigner.presign_part(&incoming, &session.multipart, number, size)?;
            Ok(Part { number, size, url, headers: NoHeaders {}, expires_at: expires_at.clone() })
        };
        sizes.map(part).collect()
    }

    async fn accept(&self, user: &UserKey, session: Session, lease: &Lease) -> Result<UploadView, UploadError> {
        let incoming = keys::incoming(user, session.id);
        let checked = match self.assemble(user, &session, lease, &incoming).await {
            Ok(Some(assembled)) => {
                self.check(&session, &incoming, &assembled).await.map(|kind| Some((assembled, kind)))
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let (session, end) = match checked {
            Ok(Some((assembled, Ok(kind)))) => {
                (self.promote(user, session, lease, &incoming, &assembled, kind).await?, End::Done)
            }
            Ok(Some((_, Err(refusal)))) => (session, End::Refused(refusal)),
            // The bytes are gone: a lifecycle rule of the bucket deleted them. The photo may be stored.
            Ok(None) if self.stored(user, &session).await?.is_some() => (session, End::Done),
            Ok(None) => (session, End::Lost),
            // The upload is open again, and the lease is gone.
            Err(error @ UploadError::PartsMissing(_)) => return Err(error),
            Err(error) => {
                self.release(user, session.id, lease).await;
                return Err(error);
            }
        };
        if !self.store.finish(user, &session, lease, end, now()).await? {
            // An event has recorded the photo, or another call goes on with the upload.
            let session = self.find(user, session.id).await?;
            if session.ended_at.is_some() {
                self.clean_up(&incoming).await;
            }
            return self.outcome(user, &session).await;
        }
        self.clean_up(&incoming).await;
        match end {
            End::Done => self.outcome(user, &Session { state: State::Done, ..session }).await,
            End::Refused(refusal) => Err(UploadError::Refused(refusal)),
            End::Lost => Err(UploadError::Ended),
        }
    }

    /// Checks that an archive ends like one, and starts its job.
    async fn accept_archive(
        &self,
        user: &UserKey,
        session: Session,
        lease: &Lease,
        queue: &JobQueue,
    ) -> Result<UploadView, UploadError> {
        let incoming = keys::incoming(user, session.id);
        let started = async {
            if self.store.is_busy(user).await? {
                return Err(UploadError::TooManyJobs);
            }
            let Some(archive) = self.assemble(user, &session, lease, &incoming).await? else { return Ok(None) };
            if let Err(refusal) = self.check_archive(&session, &incoming, &archive).await? {
                return Ok(Some(Err(refusal)));
            }
            let filename = session.declaration.filename.clone();
            let archive = Archive { filename, upload: session.id, version: archive };
            let job = Job::new(Uuid::now_v7(), Subject::Archive(archive), now());
            let store = Box::pin(self.store.start(user, &session, lease, &self.jobs, &job));
            let started = start(queue, user, job.id, store, |started| matches!(started, Started::New)).await?;
            Ok(Some(Ok((started, job))))
        };
        let end = match started.await {
            Ok(Some(Ok((Started::New, job)))) => {
                let view = session.view(now(), session.declaration.size, Some(Vec::new()));
                return Ok(UploadView { state: State::Done, job: Some(job.view()), ..view });
            }
            Ok(Some(Ok((Started::Lost, _)))) => {
                let session = self.find(user, session.id).await?;
                return self.outcome(user, &session).await;
            }
            Ok(Some(Ok((Started::TooMany, _)))) | Err(UploadError::TooManyJobs) => {
                self.store.reopen(user, session.id, lease).await?;
                return Err(UploadError::TooManyJobs);
            }
            Ok(Some(Err(refusal))) => End::Refused(refusal),
            Ok(None) => End::Lost,
            Err(error @ UploadError::PartsMissing(_)) => return Err(error),
            Err(error) => {
                self.release(user, session.id, lease).await;
                return Err(error);
            }
        };
        if !self.store.finish(user, &session, lease, end, now()).await? {
            let session = self.find(user, session.id).await?;
            return self.outcome(user, &session).await;
        }
        self.clean_up(&incoming).await;
        Err(match end {
            End::Refused(refusal) => UploadError::Refused(refusal),
            End::Done | End::Lost => UploadError::Ended,
        })
    }

    /// Gives a lease back. Nothing is stored yet, so the next call may begin at once.
    async fn release(&self, user: &UserKey, id: Uuid, lease: &Lease) {
        if let Err(error) = self.store.release(user, id, lease).await {
            tracing::info!(error = %Chain(&error), "a lease was not released");
        }
    }

    /// Whether the bytes end like an archive, and have the declared size and checksum.
    async fn check_archive(
        &self,
        session: &Session,
        incoming: &str,
        assembled: &ObjectVersion,
    ) -> Result<Result<(), Refusal>, UploadError> {
        let check = |view: View<_>| view.check_end();
        match read_archive(&self.objects, incoming.to_owned(), assembled.clone(), check).await? {
            Ok(()) => self.check_bytes(session, incoming, assembled).await,
            Err(ArchiveError::NotAnArchive) => Ok(Err(Refusal::NotAnArchive)),
            Err(ArchiveError::Damaged | ArchiveError::Overlapping | ArchiveError::TooManyEntries { .. }) => {
                Ok(Err(Refusal::DamagedArchive))
            }
        }
    }

    /// Assembles the parts to one object. `None` if neither the parts nor the object exist.
    async fn assemble(
        &self,
        user: &UserKey,
        session: &Session,
        lease: &Lease,
        incoming: &str,
    ) -> Result<Option<ObjectVersion>, UploadError> {
        if let Some(arrived) = self.objects.arrived(incoming, &session.multipart).await? {
            let sizes: Vec<_> = arrived.iter().map(|part| (part.number, part.size)).collect();
            let mut missing = session.missing(&sizes);
            if !missing.is_empty() {
                missing.truncate(MISSING_PER_RESPONSE);
                self.store.reopen(user, session.id, lease).await?;
                return Err(UploadError::PartsMissing(missing));
            }
            let parts: Vec<ArrivedPart> =
                arrived.into_iter().filter(|part| session.size_of_part(part.number) == Some(part.size)).collect();
            match self.objects.complete_multipart(incoming, &session.multipart, &parts, false).await {
                Ok(true) => {}
                // The client has sent a part again since the parts were listed.
                Ok(false) => return Err(UploadError::Busy),
                // The SDK retried a call whose response was lost.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.objects.version(incoming).await?)
    }

    /// Whether the bytes are a photo, by its first bytes, and have the declared size and checksum.
    async fn check(
        &self,
        session: &Session,
        incoming: &str,
        assembled: &ObjectVersion,
    ) -> Result<Result<PhotoType, Refusal>, UploadError> {
        let broken = |error| CloudError::caused("reading the bytes of an upload failed", error);
        let first = self.objects.read_range(incoming, assembled, 0, PhotoType::SIGNATURE_BYTES as u64).await?;
        let first = first.collect().await.map_err(broken)?.into_bytes();
        let Some(kind) = PhotoType::detect(&first) else { return Ok(Err(Refusal::NotAPhoto)) };
        Ok(self.check_bytes(session, incoming, assembled).await?.map(|()| kind))
    }

    /// Whether the bytes have the declared size and checksum.
    async fn check_bytes(
        &self,
        session: &Session,
        incoming: &str,
        assembled: &ObjectVersion,
    ) -> Result<Result<(), Refusal>, UploadError> {
        let broken = |error| CloudError::caused("reading the bytes of an upload failed", error);
        if assembled.size != session.declaration.size {
            return Ok(Err(Refusal::ChecksumMismatch));
        }
        if let Some(declared) = &session.declaration.sha256 {
            let mut bytes = self.objects.read_range(incoming, assembled, 0, assembled.size).await?;
            let mut digest = Sha256::new();
            while let Some(chunk) = bytes.try_next().await.map_err(broken)? {
                digest.update(&chunk);
            }
            if !hex(&digest.finalize()).eq_ignore_ascii_case(declared) {
                return Ok(Err(Refusal::ChecksumMismatch));
            }
        }
        Ok(Ok(()))
    }

    /// Copies the bytes to the user's photos, under a free name. The name is stored first.
    async fn promote(
        &self,
        user: &UserKey,
        mut session: Session,
        lease: &Lease,
        incoming: &str,
        assembled: &ObjectVersion,
        kind: PhotoType,
    ) -> Result<Session, UploadError> {
        let upload = session.id.to_string();
        if let Some(name) = &session.photo
            && self.store.is_deleted(user, name).await?
        {
            // An earlier call stored it, and the user has deleted it since.
            return Ok(session);
        }
        for _ in 0..MAX_NAMES {
            let name = if let Some(name) = &session.photo {
                name.clone()
            } else {
                let name = PhotoName::new(&session.declaration.filename, kind, now());
                self.store.name(user, session.id, lease, &name).await?;
                name
            };
            let key = keys::photo(user, &name);
            session.photo = Some(name.clone());
            let copied = self.objects.copy_to_new(incoming, assembled, &key, kind.media_type(), &upload).await;
            if matches!(copied, Ok(true)) || self.stored(user, &session).await?.is_some() {
                return Ok(session);
            }
            copied?;
            let next = name.later(1);
            self.store.name(user, session.id, lease, &next).await?;
            session.photo = Some(next);
        }
        Err(UploadError::Crowded)
    }

    /// The photo of this upload, if it is stored.
    async fn stored(&self, user: &UserKey, session: &Session) -> Result<Option<PhotoName>, UploadError> {
        let Some(name) = &session.photo else { return Ok(None) };
        let object = self.objects.version(&keys::photo(user, name)).await?;
        let is_ours = object.and_then(|object| object.upload) == Some(session.id.to_string());
        Ok(is_ours.then(|| name.clone()))
    }

    async fn outcome(&self, user: &UserKey, session: &Session) -> Result<UploadView, UploadError> {
        match (session.state_at(now()), session.refusal) {
            (State::Done, _) => self.view(user, session).await,
            (_, Some(refusal)) => Err(UploadError::Refused(refusal)),
            (State::Open | State::Checking, None) => Err(UploadError::Busy),
            _ => Err(UploadError::Ended),
        }
    }

    /// Deletes the bytes of an upload that has ended. If that fails, the bucket's lifecycle rules delete them later.
    async fn clean_up(&self, incoming: &str) {
        if let Err(error) = self.discard(incoming).await {
            tracing::warn!(error = %Chain(&error), "the bytes of an upload were not deleted");
        }
    }

    async fn discard(&self, incoming: &str) -> Result<(), CloudError> {
        match self.objects.version(incoming).await? {
            Some(version) => self.objects.delete_version(incoming, &version).await,
            None => Ok(()),
        }
    }
}

/// The bytes that have arrived: all of them once the parts are assembled.
fn received(session: &Session, arrived: Option<&[(u32, u64)]>) -> u64 {
    let Some(arrived) = arrived else { return session.declaration.size };
    let expected = |(number, size): &&(u32, u64)| session.size_of_part(*number) == Some(*size);
    arrived.iter().filter(expected).map(|(_, size)| size).sum()
}
