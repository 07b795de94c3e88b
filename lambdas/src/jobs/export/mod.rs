//! What the worker does for an export.
//!
//! The offsets in an archive are only in its directory, which is written last. So a chunk does not need to know what
//! precedes it: it packs its photos into parts of the archive's multipart upload, and notes the offset of each from its
//! own start. A photo that is gone takes no room.

mod packing;
mod plan;
mod request;

use std::collections::BTreeMap;

use bytes::Bytes;
use flate2::Crc;
use futures_util::{
    StreamExt as _, TryStreamExt as _,
    future::try_join_all,
    stream::{self, Stream},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use super::{
    job::Job,
    report::{LeftOut, Line, Report},
    worker::{Step, Worker, WorkerError},
};
use crate::{
    archive::{Modified, StoredFile, directory_record, end_of_directory, local_header},
    photos::{PhotoName, PhotoRecord, Position, Rendition},
    renditions::PREVIEW,
    storage::{
        CloudError, ErrorKind, Objects, keys,
        objects::{ArrivedPart, ObjectVersion},
    },
    users::UserKey,
};
use packing::{Division, END_OF_PARTS, LARGE_BYTES, LEAST_BYTES, MAX_PARTS, Packing, Part};
use plan::{Listed, Planner};

pub(super) use plan::ExportPlan;
pub use request::{ExportError, ExportRequest, Exports};

/// The type of what exports make.
pub(super) const MEDIA_TYPE: &str = "application/zip";

/// The name of the file with the photos' records.
const CATALOGUE: &str = "photos.json";

/// How many photos are planned at a time.
const PAGE: u16 = 2_000;

/// How many objects are read at once.
const READS: usize = 8;

/// What a chunk has put into its archive.
#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    /// The bytes from its start to that of the next chunk.
    length: u64,
    parts: Vec<ArrivedPart>,
    /// The files, each with the offset of its header from the start of the chunk.
    files: Vec<(u64, StoredFile)>,
    /// Whether the last bytes are in an object of their own: they are too few for a part.
    has_rest: bool,
}

/// A photo of a chunk.
struct Photo {
    record: PhotoRecord,
    /// The object that is exported.
    source: String,
    /// Whether it is copied inside S3. Renditions never are.
    is_large: bool,
    /// As responses show it, without URLs.
    shown: Value,
}

/// The bytes of a photo, or what is needed to copy it.
enum Content {
    Small(Bytes),
    Large(ObjectVersion, u32),
}

/// An archive that is being written.
struct Output<'a> {
    objects: &'a Objects,
    key: String,
    /// S3's id of the multipart upload.
    upload: &'a str,
    packing: Packing,
    parts: Vec<ArrivedPart>,
}

impl Output<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), CloudError> {
        self.packing.add(bytes);
        while let Some(part) = self.packing.full() {
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, Part { number, bytes }: Part) -> Result<(), CloudError> {
        self.parts.push(self.objects.upload_part(&self.key, self.upload, number, bytes).await?);
        Ok(())
    }

    /// Reads the first bytes of a large photo, and copies the others.
    async fn copy(
        &self,
        source: &str,
        version: &ObjectVersion,
        Division { packed, copied }: &Division,
    ) -> Result<(Bytes, Vec<ArrivedPart>), CloudError> {
        let first = self.objects.read_bytes(source, version, 0, *packed).await?;
        let copies = copied
            .iter()
            .map(|(number, range)| self.objects.copy_part(source, version, *range, &self.key, self.upload, *number));
        Ok((first, try_join_all(copies).await?))
    }
}

impl Worker {
    /// The plan of an export. Only the first one that is stored counts.
    pub(super) async fn plan_export(&self, user: &UserKey, job: Uuid) -> Result<ExportPlan, WorkerError> {
        let key = keys::plan(user, job);
        if let Some(plan) = self.objects.read_document(&key).await? {
            return Ok(plan);
        }
        let plan = self.make_plan(user, job).await?;
        if self.objects.put_document(&key, &plan).await? {
            return Ok(plan);
        }
        // Another call was faster.
        self.abort_uploads(user, job, &plan).await?;
        Ok(self.objects.read_needed_document(&key).await?)
    }

    /// Lists the photos of each chunk, and starts the archives.
    async fn make_plan(&self, user: &UserKey, job: Uuid) -> Result<ExportPlan, WorkerError> {
        let request: ExportRequest = self.objects.read_needed_document(&keys::request(user, job)).await?;
        let attempt = Uuid::now_v7();
        let mut planner = Planner::new(self.max_export_bytes, request.originals);
        let library = self.uploads.library();
        let (mut records, mut after) = (Vec::new(), None);
        if let Some(photos) = &request.photos {
            let names: Vec<_> = photos.iter().filter_map(|name| PhotoName::parse(name).ok()).collect();
            let mut known = library.records(user, &names).await?;
            // A photo that was deleted since is planned nevertheless, so that it is reported.
            let record = |name: PhotoName| known.remove(&name).unwrap_or_else(|| PhotoRecord::new(name, 0));
            records = names.into_iter().map(record).collect();
            records.sort_by_cached_key(PhotoRecord::position);
        }
        loop {
            let mut has_more = false;
            if request.photos.is_none() {
                (records, has_more) = library.select(user, &request.selection(), PAGE, after.as_ref()).await?;
                after = records.last().map(Position::of);
            }
            let first = planner.chunks();
            let mut chunks: Vec<_> = records.iter().filter_map(|record| planner.add(record)).collect();
            if !has_more {
                chunks.extend(planner.finish());
            }
            let chunks: Vec<_> =
                (first..).zip(chunks).map(|(at, photos)| (chunk_key(user, job, attempt, at), photos)).collect();
            try_join_all(chunks.iter().map(|(key, photos)| self.objects.put_document(key, photos))).await?;
            if !has_more {
                break;
            }
        }
        let mut uploads = Vec::new();
        for archive in 0..planner.archives() {
            let key = archive_key(user, job, archive);
            uploads.push(self.objects.start_multipart(&key, MEDIA_TYPE, &job.to_string()).await?);
        }
        Ok(planner.plan(attempt, uploads))
    }

    /// Packs the photos of a chunk. If the job is stopping, it only reports them.
    pub(super) async fn pack(&self, step: &Step<'_>, plan: &ExportPlan) -> Result<Report, WorkerError> {
        let Step { user, job, chunk, .. } = *step;
        let missing = || CloudError::unusable("the plan has no such chunk");
        let at = usize::try_from(chunk).map_err(|_| missing())?;
        let planned = plan.chunks.get(at).ok_or_else(missing)?;
        let upload = plan.uploads.get(planned.archive).ok_or_else(missing)?;
        let listed: Vec<Listed> =
            self.objects.read_needed_document(&keys::chunk(user, job.id, plan.attempt, chunk)).await?;
        if let Some(stop) = &job.stop {
            let line = |photo: Listed| Line::exported(photo.entry, Err(stop.left_out()));
            return Ok(Report(listed.into_iter().map(line).collect()));
        }

        let next = plan.chunks.get(at + 1).filter(|next| next.archive == planned.archive);
        let mut output = Output {
            objects: &self.objects,
            key: archive_key(user, job.id, planned.archive),
            upload,
            packing: Packing::new(planned.first_part, next.map_or(MAX_PARTS, |next| next.first_part)),
            parts: Vec::new(),
        };
        let (mut files, mut lines) = (Vec::new(), Vec::new());
        let photos = self.describe(user, plan, listed).await?.into_iter().map(|(entry, photo)| {
            Box::pin(async move {
                let read = match photo {
                    Ok(photo) => self.fetch(&photo).await?.map(|content| (photo, content)),
                    Err(reason) => Err(reason),
                };
                Ok::<_, WorkerError>((entry, read))
            })
        });
        let mut photos = stream::iter(photos).buffered(READS);
        while let Some((entry, read)) = photos.try_next().await? {
            let outcome = match read {
                Ok((photo, content)) => {
                    let written = self.write(&mut output, &entry, &photo, content).await?;
                    written.map(|file| {
                        files.push(file);
                        photo.shown
                    })
                }
                Err(reason) => Err(reason),
            };
            lines.push(Line::exported(entry, outcome));
        }
        drop(photos);

        let is_last = next.is_none();
        let unsent = output.packing.unsent();
        if !is_last && (1..LEAST_BYTES).contains(&unsent) {
            // The photos are so small, or so many were deleted, that S3 would refuse the part. No record of the
            // directory points to the zeros.
            output.write(&vec![0; LEAST_BYTES - unsent]).await?;
        }
        let length = output.packing.length();
        let last = output.packing.last();
        let has_rest = is_last && (1..LEAST_BYTES).contains(&unsent);
        match last {
            Some(part) if has_rest => {
                let key = keys::rest(user, job.id, chunk);
                self.objects.overwrite(&key, "application/octet-stream", part.bytes).await?;
            }
            Some(part) => output.send(part).await?,
            None => {}
        }
        let packed = Packed { length, parts: output.parts, files, has_rest };
        let packed = serde_json::to_vec(&packed).map_err(|error| CloudError::caused("parts cannot be JSON", error))?;
        self.objects.overwrite(&keys::packed(user, job.id, chunk), "application/json", packed.into()).await?;
        Ok(Report(lines))
    }

    /// What is known of the photos of a chunk, or why they are left out, each with its path.
    async fn describe(
        &self,
        user: &UserKey,
        plan: &ExportPlan,
        listed: Vec<Listed>,
    ) -> Result<Vec<(String, Result<Photo, LeftOut>)>, WorkerError> {
        let library = self.uploads.library();
        let names: Vec<_> = listed.iter().filter_map(|photo| PhotoName::parse(&photo.filename).ok()).collect();
        let records: Vec<_> = library.records(user, &names).await?.into_values().collect();
        let shown = library.show_without_urls(user, records.clone()).await?;
        let mut found = BTreeMap::new();
        for (record, shown) in records.into_iter().zip(shown) {
            let shown = serde_json::to_value(shown);
            let shown = shown.map_err(|error| CloudError::caused("a photo cannot be JSON", error))?;
            found.insert(record.name.to_string(), (record, shown));
        }
        let mut photo = |filename: &str| {
            let (record, shown) = found.remove(filename).ok_or(LeftOut::Deleted)?;
            let is_large = plan.originals && record.size >= LARGE_BYTES;
            Ok(Photo { source: source(user, &record, plan.originals)?, is_large, record, shown })
        };
        Ok(listed.into_iter().map(|Listed { filename, entry, .. }| (entry, photo(&filename))).collect())
    }

    /// Reads a small photo, and finds out what is needed to copy a large one.
    async fn fetch(&self, photo: &Photo) -> Result<Result<Content, LeftOut>, WorkerError> {
        let Photo { record, source, is_large, .. } = photo;
        let content = async {
            if !is_large {
                let Some(object) = self.objects.get(source).await? else { return Ok(None) };
                let bytes = object.body.collect().await;
                let bytes = bytes.map_err(|error| CloudError::caused("reading a photo failed", error))?;
                return Ok(Some(Content::Small(bytes.into_bytes())));
            }
            let Some(version) = self.objects.version(source).await? else { return Ok(None) };
            if version.size != record.size {
                return Err(CloudError::unusable("a photo has another size than its record"));
            }
            if let Some(crc) = record.crc32 {
                return Ok(Some(Content::Large(version, crc)));
            }
            let mut body = self.objects.read_range(source, &version, 0, version.size).await?;
            let mut crc = Crc::new();
            while let Some(bytes) = body.next().await {
                crc.update(&bytes.map_err(|error| CloudError::caused("reading a photo failed", error))?);
            }
            Ok(Some(Content::Large(version, crc.sum())))
        };
        let content = content.await;
        Ok(self.unless_deleted(source, content).await?.flatten().ok_or(LeftOut::Deleted))
    }

    /// Writes a photo. Returns its offset from the start of the chunk.
    async fn write(
        &self,
        output: &mut Output<'_>,
        entry: &str,
        photo: &Photo,
        content: Content,
    ) -> Result<Result<(u64, StoredFile), LeftOut>, WorkerError> {
        let (size, crc) = match &content {
            Content::Small(bytes) => {
                let mut crc = Crc::new();
                crc.update(bytes);
                (bytes.len() as u64, crc.sum())
            }
            Content::Large(version, crc) => (version.size, *crc),
        };
        let modified = Modified::new(photo.record.taken.at().local());
        let file = StoredFile { name: entry.to_owned(), size, crc, modified };
        let (at, header) = (output.packing.length(), local_header(&file));
        match content {
            Content::Small(bytes) => {
                output.write(&header).await?;
                output.write(&bytes).await?;
            }
            Content::Large(version, _) => {
                let division = output.packing.divide(header.len(), version.size);
                let copied = output.copy(&photo.source, &version, &division).await;
                let Some((first, parts)) = self.unless_deleted(&photo.source, copied).await? else {
                    return Ok(Err(LeftOut::Deleted));
                };
                let part = output.packing.add_large(&header, &first, &division);
                output.send(part).await?;
                output.parts.extend(parts);
            }
        }
        Ok(Ok((at, file)))
    }

    /// `None` if something failed because the object at `key` is gone.
    async fn unless_deleted<T>(&self, key: &str, result: Result<T, CloudError>) -> Result<Option<T>, WorkerError> {
        match result {
            Ok(done) => Ok(Some(done)),
            Err(error) if self.objects.exists(key).await? => Err(error.into()),
            Err(_) => Ok(None),
        }
    }

    /// Completes the archives of an export, and returns their sizes. Those of a job that is stopping are discarded.
    pub(super) async fn end_export(&self, user: &UserKey, job: &Job) -> Result<Vec<u64>, WorkerError> {
        let Some(plan) = self.objects.read_document::<ExportPlan>(&keys::plan(user, job.id)).await? else {
            return Ok(Vec::new());
        };
        if job.stop.is_some() {
            self.abort_uploads(user, job.id, &plan).await?;
            for archive in 0..plan.uploads.len() {
                self.objects.delete(&archive_key(user, job.id, archive)).await?;
            }
            return Ok(Vec::new());
        }
        let mut sizes = Vec::new();
        for (archive, upload) in plan.uploads.iter().enumerate() {
            let key = archive_key(user, job.id, archive);
            let mut done = self.objects.version(&key).await?;
            if done.is_none() {
                self.complete(user, job, &plan, (archive, upload)).await?;
                done = self.objects.version(&key).await?;
            }
            let missing = || CloudError::unusable("an archive is neither in parts nor complete");
            sizes.push(done.ok_or_else(missing)?.size);
        }
        Ok(sizes)
    }

    /// Writes `photos.json` and the directory of an archive, and completes it. Does nothing if its upload is gone.
    async fn complete(
        &self,
        user: &UserKey,
        job: &Job,
        plan: &ExportPlan,
        (archive, upload): (usize, &str),
    ) -> Result<(), WorkerError> {
        let chunks = (0_u32..).zip(&plan.chunks).filter(|(_, chunk)| chunk.archive == archive);
        let chunks: Vec<u32> = chunks.map(|(at, _)| at).collect();
        let packed = || self.documents::<Packed>(chunks.iter().map(|chunk| keys::packed(user, job.id, *chunk)));

        let (mut parts, mut starts, mut length, mut has_rest) = (Vec::new(), Vec::new(), 0, false);
        let mut each = packed();
        while let Some(chunk) = each.try_next().await? {
            starts.push(length);
            length += chunk.length;
            parts.extend(chunk.parts);
            has_rest = chunk.has_rest;
        }
        drop(each);
        let key = archive_key(user, job.id, archive);
        let packing = Packing::new(MAX_PARTS, END_OF_PARTS);
        let mut output = Output { objects: &self.objects, key, upload, packing, parts };
        if let Some(chunk) = chunks.last().filter(|_| has_rest) {
            let missing = || CloudError::unusable("the rest of a chunk is missing");
            let rest = self.objects.get(&keys::rest(user, job.id, *chunk)).await?.ok_or_else(missing)?;
            let rest = rest.body.collect().await;
            let rest = rest.map_err(|error| CloudError::caused("reading the rest of a chunk failed", error))?;
            output.write(&rest.into_bytes()).await?;
        }
        // Where the output began.
        let start = length - output.packing.length();

        let (mut size, mut crc) = (0, Crc::new());
        let mut pieces = self.catalogue(user, job, &chunks);
        while let Some(piece) = pieces.try_next().await? {
            size += piece.len() as u64;
            crc.update(&piece);
        }
        let modified = Modified::new(job.created_at.to_zoned(TimeZone::UTC).datetime());
        let catalogue = StoredFile { name: CATALOGUE.to_owned(), size, crc: crc.sum(), modified };
        output.write(&local_header(&catalogue)).await?;
        pieces = self.catalogue(user, job, &chunks);
        while let Some(piece) = pieces.try_next().await? {
            output.write(&piece).await?;
        }
        drop(pieces);

        let (directory, mut files) = (start + output.packing.length(), 1);
        let (mut each, mut starts) = (packed(), starts.into_iter());
        while let (Some(chunk), Some(start)) = (each.try_next().await?, starts.next()) {
            for (at, file) in &chunk.files {
                output.write(&directory_record(file, start + at)).await?;
            }
            files += chunk.files.len() as u64;
        }
        drop(each);
        output.write(&directory_record(&catalogue, length)).await?;
        let end = start + output.packing.length();
        output.write(&end_of_directory(files, directory, end - directory)).await?;
        if let Some(part) = output.packing.last() {
            output.send(part).await?;
        }
        match self.objects.complete_multipart(&output.key, upload, &output.parts, false).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(false) => Err(CloudError::unusable("a part of an archive has changed").into()),
            // If it is gone, another call has completed it.
            Ok(true) | Err(_) => Ok(()),
        }
    }

    /// `photos.json`, piece by piece.
    fn catalogue<'a>(
        &'a self,
        user: &UserKey,
        job: &Job,
        chunks: &[u32],
    ) -> impl Stream<Item = Result<Vec<u8>, CloudError>> + Unpin + 'a {
        let mut separator = "\n";
        let reports = self.documents::<Report>(chunks.iter().map(|chunk| keys::report(user, job.id, *chunk)));
        let photos = reports.map_ok(move |Report(lines)| {
            let mut piece = Vec::new();
            for photo in lines.into_iter().filter_map(Line::in_catalogue) {
                piece.extend_from_slice(separator.as_bytes());
                piece.extend_from_slice(photo.to_string().as_bytes());
                separator = ",\n";
            }
            piece
        });
        let [begin, end] = ["[", "\n]\n"].map(|text| stream::iter([Ok(text.as_bytes().to_vec())]));
        begin.chain(photos).chain(end)
    }

    /// Reads documents that must exist, and returns them in this order.
    fn documents<'a, T: DeserializeOwned + 'a>(
        &'a self,
        keys: impl Iterator<Item = String>,
    ) -> impl Stream<Item = Result<T, CloudError>> + Unpin + 'a {
        let reads = keys.map(|key| Box::pin(async move { self.objects.read_needed_document(&key).await }));
        stream::iter(reads.collect::<Vec<_>>()).buffered(READS)
    }

    async fn abort_uploads(&self, user: &UserKey, job: Uuid, plan: &ExportPlan) -> Result<(), WorkerError> {
        for (archive, upload) in plan.uploads.iter().enumerate() {
            self.objects.abort_multipart(&archive_key(user, job, archive), upload).await?;
        }
        Ok(())
    }
}

fn archive_key(user: &UserKey, job: Uuid, archive: usize) -> String {
    keys::export(user, job, archive + 1)
}

fn chunk_key(user: &UserKey, job: Uuid, attempt: Uuid, at: usize) -> String {
    keys::chunk(user, job, attempt, u32::try_from(at).unwrap_or(u32::MAX))
}

/// The object that is exported for a photo, or why there is none.
fn source(user: &UserKey, record: &PhotoRecord, originals: bool) -> Result<String, LeftOut> {
    match record.rendition {
        _ if originals => Ok(keys::photo(user, &record.name)),
        Rendition::Ready => Ok(keys::rendition(user, &record.name, record.recipe, PREVIEW)),
        Rendition::Pending => Err(LeftOut::Pending),
        Rendition::Unavailable => Err(LeftOut::Unavailable),
    }
}
