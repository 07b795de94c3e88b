use std::{
    io::{Cursor, Write},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use flate2::{Compression, Crc, write::DeflateEncoder};
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::{runtime::Builder, task::yield_now};
use zip::{AesMode, CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::{report::Reason, *};
use crate::photos::{Photo, PhotoName, PhotoRecord};

const MIB: usize = 1024 * 1024;

// ---- Archives to unpack ----

/// The signature of a JPEG file, followed by noise that deflate can hardly compress.
fn photo(seed: u32, size: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let noise = std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    });
    [0xFF, 0xD8, 0xFF, 0xE0].into_iter().chain(noise).take(size).collect()
}

/// The header of a bitmap followed by zeros: the photo that deflate compresses best.
fn blank_bitmap(size: usize) -> Vec<u8> {
    let mut bitmap = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bitmap.resize(size, 0);
    bitmap
}

const STORED: SimpleFileOptions = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored);
const DEFLATED: SimpleFileOptions = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Deflated);

fn zip(write: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    write(&mut writer);
    writer.finish().unwrap().into_inner()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    zip(|writer| {
        for (name, bytes) in files {
            writer.start_file(*name, DEFLATED).unwrap();
            writer.write_all(bytes).unwrap();
        }
    })
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An entry of a handmade archive, in which any field can be wrong.
#[derive(Clone)]
struct Entry {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    packed: Vec<u8>,
    method: u16,
    local_method: Option<u16>,
    /// The extra fields of the local header. The directory has none.
    local_extra: Vec<u8>,
    flags: u16,
    crc: u32,
    packed_size: u32,
    size: u32,
    made_by: u16,
    attributes: u32,
    offset: Option<u32>,
}

impl Entry {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let packed = deflate(bytes);
        Self { method: 8, packed_size: length(&packed), packed, ..Self::stored(name, bytes) }
    }

    fn stored(name: &str, bytes: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(bytes);
        Self {
            name: name.into(),
            local_name: None,
            packed: bytes.to_vec(),
            method: 0,
            local_method: None,
            local_extra: Vec::new(),
            flags: 0,
            crc: crc.sum(),
            packed_size: length(bytes),
            size: length(bytes),
            made_by: 0x031E,
            attributes: 0o100_644 << 16,
            offset: None,
        }
    }
}

fn length(bytes: &[u8]) -> u32 {
    bytes.len().try_into().unwrap()
}

fn short(bytes: &[u8]) -> u16 {
    bytes.len().try_into().unwrap()
}

fn build(entries: &[Entry]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = entry.offset.unwrap_or(length(&archive));
        if entry.offset.is_none() {
            let name = entry.local_name.as_ref().unwrap_or(&entry.name);
            archive.extend_from_slice(b"PK\x03\x04\x14\0");
            archive.extend_from_slice(&entry.flags.to_le_bytes());
            archive.extend_from_slice(&entry.local_method.unwrap_or(entry.method).to_le_bytes());
            archive.extend_from_slice(&[0; 4]);
            for word in [entry.crc, entry.packed_size, entry.size] {
                archive.extend_from_slice(&word.to_le_bytes());
            }
            archive.extend_from_slice(&short(name).to_le_bytes());
            archive.extend_from_slice(&short(&entry.local_extra).to_le_bytes());
            archive.extend_from_slice(name);
            archive.extend_from_slice(&entry.local_extra);
            archive.extend_from_slice(&entry.packed);
        }
        directory.extend_from_slice(b"PK\x01\x02");
        for half in [entry.made_by, 20, entry.flags, entry.method, 0, 0] {
            directory.extend_from_slice(&half.to_le_bytes());
        }
        for word in [entry.crc, entry.packed_size, entry.size] {
            directory.extend_from_slice(&word.to_le_bytes());
        }
        directory.extend_from_slice(&short(&entry.name).to_le_bytes());
        directory.extend_from_slice(&[0; 8]);
        directory.extend_from_slice(&entry.attributes.to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(&entry.name);
    }
    let (count, offset) = (u16::try_from(entries.len()).unwrap(), length(&archive));
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&length(&directory).to_le_bytes());
    archive.extend_from_slice(&offset.to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}

/// The last position of `pattern` in an archive, which is in the directory.
fn last(archive: &[u8], pattern: &[u8]) -> usize {
    archive.windows(pattern.len()).rposition(|window| window == pattern).unwrap()
}

// ---- Results ----

type Put = Pin<Box<dyn Future<Output = Result<Photo, StoreError>> + Send>>;

/// The name, type and bytes of each stored photo.
type Puts = Vec<(String, PhotoType, Bytes)>;

/// A store that records what it receives, and how much at a time.
#[derive(Default)]
struct Store {
    puts: Mutex<Puts>,
    /// Whether to drop the bytes.
    forget: bool,
    in_flight: AtomicUsize,
    peak_bytes: AtomicUsize,
    concurrent_puts: AtomicUsize,
    peak_puts: AtomicUsize,
}

impl Store {
    fn put(self: &Arc<Self>, name: String, kind: PhotoType, bytes: Bytes) -> Put {
        let store = Arc::clone(self);
        Box::pin(async move {
            let held = store.in_flight.fetch_add(bytes.len(), Ordering::SeqCst) + bytes.len();
            store.peak_bytes.fetch_max(held, Ordering::SeqCst);
            let puts = store.concurrent_puts.fetch_add(1, Ordering::SeqCst) + 1;
            store.peak_puts.fetch_max(puts, Ordering::SeqCst);
            for _ in 0..200 {
                yield_now().await;
            }
            store.in_flight.fetch_sub(bytes.len(), Ordering::SeqCst);
            store.concurrent_puts.fetch_sub(1, Ordering::SeqCst);
            let photo = stored_photo(&name, kind, bytes.len());
            let bytes = if store.forget { Bytes::new() } else { bytes };
            store.puts.lock().unwrap().push((name, kind, bytes));
            Ok(photo)
        })
    }
}

fn stored_photo(name: &str, kind: PhotoType, size: usize) -> Photo {
    PhotoRecord::new(PhotoName::new(name, kind, Timestamp::UNIX_EPOCH), size.try_into().unwrap()).into()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

fn far() -> Instant {
    Instant::now() + Duration::from_hours(1)
}

/// Unpacks an archive as `/unzip` does.
async fn unpack<F, Fut>(archive: Bytes, limits: &Limits, deadline: Instant, store: F) -> Result<Report, ArchiveError>
where
    F: Fn(String, PhotoType, Bytes) -> Fut,
    Fut: Future<Output = Result<Photo, StoreError>>,
{
    let archive = Zip::open(archive, limits)?;
    let processed = archive.unpack(limits, deadline, |_, name, kind, bytes| store(name, kind, bytes)).await;
    Ok(Report::new(processed))
}

fn unpack_to(store: &Arc<Store>, archive: impl Into<Bytes>, limits: &Limits) -> Result<Report, ArchiveError> {
    let archive = archive.into();
    let put = |name, kind, bytes| store.put(name, kind, bytes);
    let report = run(async { unpack(archive.clone(), limits, far(), put).await });
    // A job limits the bytes of each chunk, and not those of the archive.
    if limits.max_total_bytes == Limits::default().max_total_bytes {
        assert_jobs_agree(&archive, &report, limits);
    }
    report
}

// ---- Jobs ----

/// The outcome of an entry without its photo.
type Outcome = (String, Result<Bytes, Reason>);

/// A job for the archive must have the same outcomes as /unzip, unless it refuses the archive because entries overlap.
fn assert_jobs_agree(archive: &Bytes, report: &Result<Report, ArchiveError>, limits: &Limits) {
    let job = unpack_as_job(archive, limits);
    let (report, job) = match (report, job) {
        (_, Err(ArchiveError::Overlapping)) => return,
        (Err(error), job) => return assert_eq!(job.unwrap_err(), *error),
        (Ok(report), job) => (report, job.unwrap()),
    };
    assert_eq!(job.len(), total(report));
    let of = |wanted: fn(&Outcome) -> Option<Reason>| -> Vec<_> {
        job.iter().filter_map(|one| wanted(one).map(|reason| (one.0.as_str(), reason))).collect()
    };
    let reason = |one: &Outcome| one.1.as_ref().err().copied();
    let stored: Vec<_> = job.iter().filter(|one| reason(one).is_none()).map(|one| one.0.as_str()).collect();
    let (all_stored, all_skipped, all_failed) = short_of(report);
    assert_eq!(stored, all_stored);
    let skipped = of(|one| one.1.as_ref().err().copied().filter(|reason| matches!(reason, Reason::Skipped(_))));
    assert_eq!(skipped, all_skipped.into_iter().map(|(name, why)| (name, why.into())).collect::<Vec<_>>());
    let failed = of(|one| one.1.as_ref().err().copied().filter(|reason| matches!(reason, Reason::Failed(_))));
    assert_eq!(failed, all_failed.into_iter().map(|(name, why)| (name, why.into())).collect::<Vec<_>>());
}

fn planned(archive: &Bytes, max_entries: usize) -> Result<(View<Cursor<Bytes>>, Plan), ArchiveError> {
    let view = View::new(Cursor::new(archive.clone()), archive.len() as u64).find(max_entries)?;
    let plan = plan(&view, max_entries)?;
    Ok((view, plan))
}

/// Unpacks an archive as a job does: it plans the work, gathers the bytes of each chunk, and unpacks them. Each entry
/// is also unpacked piece by piece, as if it were too large for memory, and must have the same outcome.
fn unpack_as_job(archive: &Bytes, limits: &Limits) -> Result<Vec<Outcome>, ArchiveError> {
    let length = archive.len() as u64;
    let (view, plan) = planned(archive, limits.max_entries)?;
    let slice = |from: u64, to: u64| {
        let at = |position: u64| usize::try_from(position).unwrap();
        archive.slice(at(from)..at(to.min(length)))
    };
    let mut outcomes = Vec::new();
    for (at, chunk) in plan.chunks.iter().enumerate() {
        let (from, to) = plan.directory(at).unwrap();
        let entries = list(&slice(from, to), chunk.first, chunk.entries, view.length()).unwrap();
        assert_eq!(entries.first().map(|entry| entry.index), Some(u32::try_from(outcomes.len()).unwrap()));
        let ranges = ranges(&entries, view.length()).into_iter();
        let read: Vec<_> = ranges.map(|(from, to)| ((from, to), slice(plan.start + from, plan.start + to))).collect();
        let gathered = gather(&entries, &read);
        let bytes = Mutex::new(std::collections::BTreeMap::new());
        let store = async |at: usize, _: String, _: PhotoType, photo: Bytes| {
            bytes.lock().unwrap().insert(at, photo);
            Ok(())
        };
        let limits = Limits { max_total_bytes: u64::MAX, ..*limits };
        let gathered = Zip::open(gathered, &limits).unwrap();
        let processed = run(gathered.unpack(&limits, far(), store));
        let mut bytes = bytes.into_inner().unwrap();
        assert_eq!(processed.len(), entries.len());
        for (entry, processed) in entries.iter().zip(processed) {
            let outcome = processed.outcome.map(|()| bytes.remove(&processed.at).unwrap());
            if entry.extent().is_some() {
                let first = |from: u64, to: u64| slice(plan.start + from, plan.start + to);
                let most = limits.max_entry_bytes.min(limits.max_in_flight_bytes);
                let streamed = stream(entry, first, view.length(), most.into());
                assert!(streamed == outcome, "{}: {:?} {:?}", entry.name, streamed.err(), outcome.err());
            }
            outcomes.push((entry.shown(), outcome));
        }
    }
    Ok(outcomes)
}

fn stream(entry: &Listed, slice: impl Fn(u64, u64) -> Bytes, length: u64, max_bytes: u64) -> Result<Bytes, Reason> {
    let (from, to) = Large::header(entry).unwrap();
    let Large { from, to } = Large::open(entry, &slice(from, to), length)?;
    let (mut inflated, mut unpacked) = (Inflated::new(entry, max_bytes), Vec::new());
    let mut kind = None;
    for piece in slice(from, to).chunks(1_000).chain([[].as_slice()]) {
        let mut piece = piece;
        loop {
            let (read, bytes) = inflated.unpack(piece)?;
            let is_empty = bytes.is_empty();
            unpacked.extend_from_slice(bytes);
            piece = &piece[read..];
            if inflated.has_head() && kind.is_none() {
                kind = Some(inflated.kind()?);
            }
            if piece.is_empty() && is_empty {
                break;
            }
        }
    }
    inflated.kind()?;
    inflated.finish(entry)?;
    Ok(unpacked.into())
}

#[test]
fn a_job_refuses_entries_that_overlap() {
    let photo = Entry::stored("a.jpg", &photo(1, 1_000));
    let after = Entry::stored("b.jpg", &self::photo(2, 1_000));
    for (entries, expected) in [
        (vec![photo.clone(), after.clone()], Ok(())),
        (vec![photo.clone(), Entry { offset: Some(0), ..photo.clone() }], Err(ArchiveError::Overlapping)),
        (
            vec![photo.clone(), after.clone(), Entry { offset: Some(500), ..after.clone() }],
            Err(ArchiveError::Overlapping),
        ),
        // An entry outside of the archive overlaps with nothing. It is damaged.
        (vec![photo.clone(), Entry { offset: Some(0xFFFF_FFF0), ..after }], Ok(())),
    ] {
        let archive = Bytes::from(build(&entries));
        assert_eq!(unpack_as_job(&archive, &Limits::default()).map(|_| ()), expected);
    }
}

/// The directory of `archive` with its records in the reverse order.
fn reversed(archive: &[u8], records: usize) -> Vec<u8> {
    let (start, end) = (last(archive, b"PK\x05\x06"), archive.len());
    let mut records_at: Vec<_> = (0..start).filter(|at| archive[*at..].starts_with(b"PK\x01\x02")).collect();
    records_at.push(start);
    let mut reversed = archive[..records_at[0]].to_vec();
    for pair in records_at.windows(2).rev() {
        reversed.extend_from_slice(&archive[pair[0]..pair[1]]);
    }
    assert_eq!(records_at.len(), records + 1);
    reversed.extend_from_slice(&archive[start..end]);
    reversed
}

#[test]
fn a_directory_in_another_order_than_the_data_is_read() {
    let entries: Vec<_> = (0..5).map(|at| Entry::stored(&format!("{at}.jpg"), &photo(at, 1_000))).collect();
    let archive = Bytes::from(reversed(&build(&entries), 5));
    let outcomes = unpack_as_job(&archive, &Limits::default()).unwrap();
    let expected: Vec<Outcome> = (0..5).rev().map(|at| (format!("{at}.jpg"), Ok(photo(at, 1_000).into()))).collect();
    assert_eq!(outcomes, expected);
}

#[test]
fn an_archive_is_divided_by_entries_and_bytes() {
    let small: Vec<_> = (0..1_100).map(|at| Entry::stored(&format!("{at}.jpg"), &photo(at, 20))).collect();
    let chunks = |archive: Vec<u8>| {
        let (_, plan) = planned(&archive.into(), 2_000).unwrap();
        plan.chunks.iter().map(|chunk| (chunk.first, chunk.entries, chunk.is_large)).collect::<Vec<_>>()
    };
    assert_eq!(chunks(build(&small)), [(0, 500, false), (500, 500, false), (1_000, 100, false)]);
    let sized = |size: usize| Entry::stored("a.jpg", &photo(1, size));
    let large = [sized(10 * MIB), sized(10 * MIB), sized(10 * MIB), sized(25 * MIB), sized(10)];
    assert_eq!(chunks(build(&large)), [(0, 2, false), (2, 1, false), (3, 1, true), (4, 1, false)]);
    let unpacked = Entry::new("a.bmp", &blank_bitmap(33 * MIB));
    assert_eq!(chunks(build(&[sized(10), unpacked, sized(10)])), [(0, 1, false), (1, 1, true), (2, 1, false)]);
}

#[test]
fn an_entry_that_declares_more_than_it_can_unpack_to_is_not_large() {
    let liar = |at: u32| Entry { size: 33 << 20, ..Entry::new(&format!("{at}.jpg"), &photo(at, 20)) };
    let archive = Bytes::from(build(&(0..20).map(liar).collect::<Vec<_>>()));
    assert_eq!(planned(&archive, 100).unwrap().1.chunks.len(), 1);
    let outcomes = unpack_as_job(&archive, &Limits::default()).unwrap();
    assert!(outcomes.iter().all(|(_, outcome)| *outcome == Err(Failed::Damaged.into())));
}

#[test]
fn a_local_header_may_be_longer_than_its_data() {
    let padded = |at| Entry { local_extra: vec![0; 65_532], ..Entry::new(&format!("{at}.jpg"), &photo(at, 1_000)) };
    let report = unpack_to(&Arc::default(), build(&[padded(1), padded(2)]), &Limits::default()).unwrap();
    assert_eq!(short_of(&report).0, ["1.jpg", "2.jpg"]);
}

#[test]
fn what_follows_the_last_record_is_not_read() {
    let archive = build(&[Entry::stored("a.jpg", &photo(1, 1_000))]);
    let (files, end) = archive.split_at(last(&archive, b"PK\x05\x06"));
    let archive = Bytes::from([files, &vec![0; MIB], end].concat());
    let (from, to) = planned(&archive, 1).unwrap().1.directory(0).unwrap();
    assert!(to - from < MIB as u64 / 2, "{from} to {to}");
    assert_eq!(unpack_as_job(&archive, &Limits::default()).unwrap().len(), 1);
}

fn unpack_all(archive: impl Into<Bytes>) -> (Result<Report, ArchiveError>, Puts) {
    let store = Arc::new(Store::default());
    let report = unpack_to(&store, archive, &Limits::default());
    let puts = std::mem::take(&mut *store.puts.lock().unwrap());
    (report, puts)
}

/// A report in short: stored, skipped, failed.
type Short<'a> = (Vec<&'a str>, Vec<(&'a str, Skipped)>, Vec<(&'a str, Failed)>);

fn short_of(report: &Report) -> Short<'_> {
    (
        report.stored.iter().map(|stored| stored.entry.as_str()).collect(),
        report.skipped.iter().map(|skipped| (skipped.entry.as_str(), skipped.reason)).collect(),
        report.failed.iter().map(|failed| (failed.entry.as_str(), failed.reason)).collect(),
    )
}

fn total(report: &Report) -> usize {
    report.stored.len() + report.skipped.len() + report.failed.len()
}

/// The outcome of an entry between two good photos, which must be stored.
fn outcome(entry: &Entry) -> Result<(), Reason> {
    outcome_with(entry, &Limits::default())
}

fn outcome_with(entry: &Entry, limits: &Limits) -> Result<(), Reason> {
    let good = |name| Entry::new(name, &photo(9, 700));
    let archive = build(&[good("before.jpg"), entry.clone(), good("after.jpg")]);
    let report = unpack_to(&Arc::default(), archive, limits).unwrap();
    assert_eq!(total(&report), 3);
    let stored: Vec<_> = report.stored.iter().map(|stored| stored.entry.as_str()).collect();
    assert!(stored.first() == Some(&"before.jpg") && stored.last() == Some(&"after.jpg"), "{report:?}");
    match (report.skipped.first(), report.failed.first()) {
        (Some(skipped), None) => Err(skipped.reason.into()),
        (None, Some(failed)) => Err(failed.reason.into()),
        _ => Ok(()),
    }
}

fn failed(reason: Failed) -> Result<(), Reason> {
    Err(reason.into())
}

fn skipped(reason: Skipped) -> Result<(), Reason> {
    Err(reason.into())
}

// ---- Good archives ----

#[test]
fn photos_are_stored_byte_for_byte_and_the_rest_is_skipped() {
    let (one, two) = (photo(1, 300_000), photo(2, 10));
    let archive = zip(|writer| {
        writer.add_directory("holiday", STORED).unwrap();
        for (name, options, bytes) in [
            ("holiday/one.jpg", DEFLATED, one.as_slice()),
            ("holiday/notes.txt", DEFLATED, b"rained all day"),
            ("holiday/two", STORED, two.as_slice()),
            ("__MACOSX/holiday/._one.jpg", DEFLATED, b"\0\x05\x16\x07"),
            (".DS_Store", STORED, b""),
            ("empty.jpg", STORED, b""),
            ("inner.zip", STORED, zip_of(&[("three.jpg", &photo(3, 99))]).as_slice()),
        ] {
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.add_symlink("link.jpg", "holiday/one.jpg", STORED).unwrap();
    });
    let (report, mut puts) = unpack_all(archive);
    let report = report.unwrap();
    assert_eq!(
        short_of(&report),
        (
            vec!["holiday/one.jpg", "holiday/two"],
            vec![
                ("holiday/", Skipped::Directory),
                ("holiday/notes.txt", Skipped::NotAPhoto),
                ("__MACOSX/holiday/._one.jpg", Skipped::Hidden),
                (".DS_Store", Skipped::Hidden),
                ("empty.jpg", Skipped::NotAPhoto),
                ("inner.zip", Skipped::Archive),
                ("link.jpg", Skipped::Link),
            ],
            vec![],
        )
    );
    puts.sort();
    assert_eq!(
        puts,
        [
            ("holiday/one.jpg".to_owned(), PhotoType::Jpg, one.into()),
            ("holiday/two".to_owned(), PhotoType::Jpg, two.into())
        ]
    );
}

#[test]
fn the_report_is_serialised_as_documented() {
    let report = unpack_all(zip_of(&[("a/b.jpg", &photo(1, 99)), ("a/c.txt", b"text")])).0.unwrap();
    assert_eq!(
        serde_json::to_value(&report).unwrap(),
        serde_json::json!({
            "stored": [{
                "entry": "a/b.jpg",
                "filename": "19700101T000000000Z_b.jpg",
                "type": "jpg",
                "size": 99,
                "uploaded_at": "1970-01-01T00:00:00.000Z",
                "sha256": null,
                "width": null,
                "height": null,
                "taken_at": "1970-01-01T00:00:00.000",
                "taken_at_source": "upload",
                "place": null,
                "camera": null,
                "favourite": false,
                "trashed_at": null,
                "rendition": "pending",
                "thumbnail_url": null,
                "preview_url": null,
                "thumbhash": null,
                "duplicate_of": null,
            }],
            "skipped": [{
                "entry": "a/c.txt",
                "reason": "not-a-photo",
                "detail": "This file is not a photo. Send JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF or BMP.",
            }],
            "failed": [],
        })
    );
}

#[test]
fn an_empty_archive_gives_an_empty_report() {
    let empty = zip(|_| ());
    for archive in [empty.clone(), [b"#!/bin/sh\n".as_slice(), &empty, b"\n"].concat()] {
        assert_eq!(total(&unpack_all(archive).0.unwrap()), 0);
    }
}

#[test]
fn entries_with_the_same_name_are_all_stored() {
    let archive = build(&[1, 2, 3].map(|seed| Entry::new("a.jpg", &photo(seed, 1_000))));
    let (report, puts) = unpack_all(archive);
    assert_eq!(short_of(&report.unwrap()).0, ["a.jpg", "a.jpg", "a.jpg"]);
    for seed in [1, 2, 3] {
        assert!(puts.iter().any(|(_, _, bytes)| *bytes == photo(seed, 1_000)));
    }
}

#[test]
fn two_entries_may_share_their_data() {
    let shared = Entry { offset: Some(0), ..Entry::new("a.jpg", &photo(1, 1_000)) };
    let archive = build(&[Entry::new("a.jpg", &photo(1, 1_000)), shared.clone()]);
    assert_eq!(short_of(&unpack_all(archive).0.unwrap()).0.len(), 2);
    let archive = build(&[Entry::new("a.jpg", &photo(1, 1_000)), Entry { name: b"b.jpg".to_vec(), ..shared }]);
    assert_eq!(short_of(&unpack_all(archive).0.unwrap()), (vec!["a.jpg"], vec![], vec![("b.jpg", Failed::Damaged)]));
}

#[test]
fn an_archive_inside_a_photo_is_part_of_the_photo() {
    let mut bytes = photo(1, 200);
    bytes.extend(build(&[Entry::stored("inner.jpg", &photo(2, 500))]));
    let (report, puts) = unpack_all(build(&[Entry::stored("outer.jpg", &bytes)]));
    assert_eq!(short_of(&report.unwrap()).0, ["outer.jpg"]);
    assert_eq!(puts[0].2, bytes);
}

#[test]
fn zip64_and_data_descriptors_are_read() {
    let large = zip(|writer| {
        writer.start_file("large.jpg", DEFLATED.large_file(true)).unwrap();
        writer.write_all(&photo(1, 5_000)).unwrap();
    });
    let mut streamed = ZipWriter::new_stream(Vec::new());
    streamed.start_file("streamed.jpg", DEFLATED).unwrap();
    streamed.write_all(&photo(2, 5_000)).unwrap();
    let streamed = streamed.finish().unwrap().into_inner();
    assert_eq!(streamed[6] & 8, 8, "no data descriptor");
    for (archive, seed) in [(large, 1), (streamed, 2), (zip64(&photo(3, 5_000)), 3)] {
        let (report, puts) = unpack_all(archive);
        assert_eq!(total(&report.unwrap()), 1);
        assert_eq!(puts[0].2, photo(seed, 5_000));
    }
}

/// An archive of one stored photo, with only ZIP64 values in its directory and its end.
fn zip64(bytes: &[u8]) -> Vec<u8> {
    let mut archive = build(&[Entry::stored("a.jpg", bytes)]);
    let (directory, end) = (last(&archive, b"PK\x01\x02"), last(&archive, b"PK\x05\x06"));
    let mut record = archive[directory..end].to_vec();
    record[20..28].fill(0xFF);
    record[30] = 28;
    record[42..46].fill(0xFF);
    record.extend_from_slice(&[1, 0, 24, 0]);
    let size = u64::try_from(bytes.len()).unwrap();
    for value in [size, size, 0] {
        record.extend_from_slice(&value.to_le_bytes());
    }
    archive.truncate(directory);
    archive.extend_from_slice(&record);
    let end = u64::try_from(archive.len()).unwrap();
    archive.extend_from_slice(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\x03\x2d\0\0\0\0\0\0\0\0\0");
    for value in [1, 1, u64::try_from(record.len()).unwrap(), u64::try_from(directory).unwrap()] {
        archive.extend_from_slice(&value.to_le_bytes());
    }
    archive.extend_from_slice(b"PK\x06\x07\0\0\0\0");
    archive.extend_from_slice(&end.to_le_bytes());
    archive.extend_from_slice(&[1, 0, 0, 0]);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0\0");
    archive
}

#[test]
fn other_data_may_precede_and_follow_an_archive() {
    let good = zip_of(&[("a.jpg", &photo(1, 5_000)), ("b.txt", b"text")]);
    let before = b"#!/bin/sh\nexec unzip $0\n".repeat(100);
    let after = vec![b'\n'; 2 * MIB];
    let commented = zip(|writer| {
        writer.start_file("a.jpg", DEFLATED).unwrap();
        writer.write_all(&photo(1, 5_000)).unwrap();
        writer.start_file("b.txt", STORED).unwrap();
        writer.set_comment("PK\u{5}\u{6} is the signature of a directory's end").unwrap();
    });
    let mut zip64 = zip64(&photo(1, 5_000));
    zip64.splice(0..0, before.iter().copied());
    for archive in [
        [before.as_slice(), &good].concat(),
        [good.as_slice(), &after].concat(),
        [before.as_slice(), &good, &after].concat(),
        [good.as_slice(), b"PK\x05\x06", &[0xFF; 30]].concat(),
        [before.as_slice(), &commented].concat(),
        commented,
        zip64,
    ] {
        let (report, puts) = unpack_all(archive);
        assert_eq!(short_of(&report.unwrap()).0, ["a.jpg"]);
        assert_eq!(puts[0].2, photo(1, 5_000));
    }
}

// ---- Names ----

#[test]
fn photos_are_stored_whatever_their_path() {
    for name in ["../../a.jpg", "/etc/a.jpg", "..\\a.jpg", "C:\\a.jpg", "./a.jpg", "a\0.jpg", "..", "", "\u{202e}gpj.a"]
    {
        let (report, puts) = unpack_all(build(&[Entry::new(name, &photo(1, 100))]));
        assert_eq!(report.unwrap().stored.len(), 1, "{name:?}");
        assert_eq!(puts[0].0, name);
    }
}

#[test]
fn folders_and_links_are_recognised_by_name_or_attributes() {
    let jpg = |name| Entry::stored(name, &photo(1, 100));
    assert_eq!(outcome(&jpg("a/")), skipped(Skipped::Directory));
    assert_eq!(outcome(&jpg("a\\")), skipped(Skipped::Directory));
    assert_eq!(outcome(&Entry { attributes: 0o040_755 << 16, ..jpg("a") }), skipped(Skipped::Directory));
    assert_eq!(outcome(&Entry { attributes: 0x10, made_by: 20, ..jpg("a") }), skipped(Skipped::Directory));
    assert_eq!(outcome(&Entry { attributes: 0o120_777 << 16, ..jpg("a.jpg") }), skipped(Skipped::Link));
    assert_eq!(outcome(&Entry { attributes: 0o120_777 << 16, made_by: 20, ..jpg("a.jpg") }), skipped(Skipped::Link));
    assert_eq!(outcome(&Entry { attributes: 0o120_777 << 16, ..jpg("a/") }), skipped(Skipped::Directory));
    assert_eq!(outcome(&Entry { attributes: u32::MAX, ..jpg("a.jpg") }), Ok(()));
}

#[test]
fn names_that_are_not_utf_8_are_read_as_code_page_437() {
    let named = |name: &[u8], flags| Entry { name: name.to_vec(), flags, ..Entry::new("", &photo(1, 100)) };
    let archive = build(&[
        named(b"ma\xA4ana.jpg", 0),
        named("mañana.jpg".as_bytes(), 0),
        named("mañana.jpg".as_bytes(), 1 << 11),
        named(b"ma\xA4ana.jpg", 1 << 11),
    ]);
    let report = unpack_all(archive).0.unwrap();
    assert_eq!(short_of(&report).0, ["mañana.jpg", "mañana.jpg", "mañana.jpg", "ma\u{fffd}ana.jpg"]);
}

#[test]
fn names_are_cut_and_cleaned_in_the_report_but_not_for_the_store() {
    let long = format!("{}/\u{1b}a.jpg", "d".repeat(60_000));
    let (report, puts) =
        unpack_all(build(&[Entry::new(&long, &photo(1, 100)), Entry::new("\u{7}a.jpg", &photo(1, 9))]));
    let report = report.unwrap();
    assert_eq!(short_of(&report).0, [format!("{}…", "d".repeat(1_021)).as_str(), "\u{fffd}a.jpg"]);
    assert!(puts.iter().any(|(name, _, _)| *name == long));
}

// ---- Hostile entries ----

#[test]
fn an_entry_with_wrong_sizes_is_damaged() {
    let jpg = Entry::new("a.jpg", &photo(1, 100_000));
    let stored = Entry::stored("a.jpg", &photo(1, 100_000));
    for entry in [
        Entry { size: 0, ..jpg.clone() },
        Entry { size: 3, ..jpg.clone() },
        Entry { size: 99_999, ..jpg.clone() },
        Entry { size: 100_001, ..jpg.clone() },
        Entry { size: 0xFFFF_FFFE, ..jpg.clone() },
        Entry { packed_size: jpg.packed_size - 1_000, ..jpg.clone() },
        Entry { packed_size: jpg.packed_size + 30, ..jpg.clone() },
        Entry { packed_size: 0xFFFF_FFFE, ..jpg.clone() },
        Entry { size: 99_999, ..stored.clone() },
        Entry { size: 100_001, ..stored.clone() },
        Entry { packed_size: 99_999, ..stored.clone() },
        Entry { packed_size: 100_001, ..stored },
    ] {
        assert_eq!(outcome(&entry), failed(Failed::Damaged), "{} {}", entry.size, entry.packed_size);
    }
    assert_eq!(outcome(&Entry { packed_size: 0, ..jpg.clone() }), failed(Failed::Damaged));
    // Sizes that refer to a ZIP64 field, which is missing.
    assert_eq!(outcome(&Entry { size: u32::MAX, packed_size: u32::MAX, ..jpg }), failed(Failed::Damaged));
}

#[test]
fn an_entry_with_the_wrong_bytes_is_damaged() {
    let jpg = Entry::new("a.jpg", &photo(1, 1_000));
    let garbage = [photo(1, 3), vec![0xFF; 200]].concat();
    for (what, entry) in [
        ("checksum", Entry { crc: jpg.crc ^ 1, ..jpg.clone() }),
        ("no deflate stream", Entry { packed_size: 203, packed: garbage, ..jpg.clone() }),
        ("offset in an entry", Entry { offset: Some(5), ..jpg.clone() }),
        ("offset of another entry", Entry { offset: Some(0), ..jpg.clone() }),
        ("offset past the end", Entry { offset: Some(0xFFFF_FFFE), ..jpg.clone() }),
        ("offset in a missing ZIP64 field", Entry { offset: Some(u32::MAX), ..jpg.clone() }),
        ("local name", Entry { local_name: Some(b"b.jpg".to_vec()), ..jpg.clone() }),
        ("local method", Entry { local_method: Some(0), ..jpg }),
    ] {
        assert_eq!(outcome(&entry), failed(Failed::Damaged), "{what}");
    }
}

#[test]
fn an_entry_that_is_not_a_photo_is_not_read_to_its_end() {
    let text = Entry::stored("a.txt", &b"text ".repeat(10_000));
    assert_eq!(outcome(&Entry { crc: 0, size: 7, ..text }), skipped(Skipped::NotAPhoto));
}

#[test]
fn an_entry_that_cannot_be_unpacked_fails_whatever_its_name() {
    for name in ["a.jpg", "a.txt"] {
        let entry = Entry::new(name, &photo(1, 1_000));
        for flags in [1, 1 | 1 << 6, 1 << 13] {
            assert_eq!(outcome(&Entry { flags, ..entry.clone() }), failed(Failed::Encrypted));
        }
        assert_eq!(outcome(&Entry { method: 99, ..entry.clone() }), failed(Failed::Encrypted));
        for method in [1, 6, 9, 12, 14, 93, 95, 0xFFFF] {
            assert_eq!(outcome(&Entry { method, ..entry.clone() }), failed(Failed::UnsupportedMethod));
        }
    }
}

#[test]
fn encrypted_entries_of_a_real_archiver_are_recognised() {
    let archive = zip(|writer| {
        writer.start_file("a.jpg", DEFLATED.with_aes_encryption(AesMode::Aes256, "secret")).unwrap();
        writer.write_all(&photo(1, 1_000)).unwrap();
    });
    assert_eq!(short_of(&unpack_all(archive).0.unwrap()).2, [("a.jpg", Failed::Encrypted)]);
}

#[test]
fn archives_inside_an_archive_are_not_opened() {
    let mut tar = vec![b'a'; 257];
    tar.extend_from_slice(b"ustar\x0000");
    for bytes in
        [zip(|_| ()), b"\x1f\x8b\x08\0".to_vec(), b"7z\xbc\xaf\x27\x1c".to_vec(), b"Rar!\x1a\x07\x01\0".to_vec(), tar]
    {
        assert_eq!(outcome(&Entry::new("a.jpg", &bytes)), skipped(Skipped::Archive));
    }
}

// ---- Limits ----

#[test]
fn an_entry_over_the_limit_is_too_large() {
    let limits = Limits { max_entry_bytes: 10_000, ..Limits::default() };
    let entry = |size| Entry::new("a.jpg", &photo(1, size));
    assert_eq!(outcome_with(&entry(10_000), &limits), Ok(()));
    assert_eq!(outcome_with(&entry(10_001), &limits), failed(Failed::TooLarge));
    assert_eq!(outcome_with(&entry(200_000), &limits), failed(Failed::TooLarge));
    assert_eq!(outcome_with(&Entry { size: 10_000, ..entry(10_001) }, &limits), failed(Failed::Damaged));
    assert_eq!(outcome_with(&Entry { size: 0xFFFF_FFFE, ..entry(10) }, &limits), failed(Failed::Damaged));
    // The limit on bytes in flight also limits each entry.
    let limits = Limits { max_in_flight_bytes: 10_000, ..Limits::default() };
    assert_eq!(outcome_with(&entry(10_001), &limits), failed(Failed::TooLarge));
}

#[test]
fn unpacked_bytes_of_all_entries_count_towards_the_total() {
    let jpg = |name| Entry::stored(name, &photo(1, 1_000));
    let archive = build(&[
        jpg("a.jpg"),
        Entry { crc: 0, ..jpg("damaged.jpg") },
        Entry::stored("text", &[b'a'; 5_000]),
        jpg("b.jpg"),
        jpg("over.jpg"),
        jpg("folder/"),
        Entry { flags: 1, ..jpg("encrypted.jpg") },
        Entry::stored("tiny.jpg", &photo(1, 10)),
    ]);
    // Only the first bytes of the text are read, but all bytes of a photo.
    let limits = Limits { max_total_bytes: 1_000 + 1_000 + 512 + 1_000 + 200, ..Limits::default() };
    let report = unpack_to(&Arc::default(), archive, &limits).unwrap();
    assert_eq!(
        short_of(&report),
        (
            vec!["a.jpg", "b.jpg"],
            vec![("text", Skipped::NotAPhoto), ("folder/", Skipped::Directory)],
            vec![
                ("damaged.jpg", Failed::Damaged),
                ("over.jpg", Failed::OverTotal),
                ("encrypted.jpg", Failed::Encrypted),
                ("tiny.jpg", Failed::OverTotal),
            ],
        )
    );
}

#[test]
fn too_many_entries_are_rejected_before_anything_is_stored() {
    let limits = Limits::default();
    let photo = photo(1, 30);
    let archive = |entries: u32| {
        zip(|writer| {
            for at in 0..entries {
                writer.start_file(format!("{at}.jpg"), STORED).unwrap();
                writer.write_all(&photo).unwrap();
            }
        })
    };
    let store = Arc::<Store>::default();
    assert_eq!(unpack_to(&store, archive(1_000), &limits).unwrap().stored.len(), 1_000);
    let store = Arc::<Store>::default();
    for entries in [1_001, 70_000] {
        let error = unpack_to(&store, archive(entries), &limits).unwrap_err();
        assert_eq!(error, ArchiveError::TooManyEntries { limit: 1_000 });
    }
    assert!(store.puts.lock().unwrap().is_empty());
}

#[test]
fn undeclared_entries_are_read_and_missing_entries_are_damage() {
    let entries: Vec<_> = (0..5).map(|at| Entry::new(&format!("{at}.jpg"), &photo(at, 100))).collect();
    let good = build(&entries);
    let end = last(&good, b"PK\x05\x06");
    for (declared, expected) in [(0_u16, Ok(5)), (4, Ok(5)), (6, Err(ArchiveError::Damaged))] {
        let mut archive = good.clone();
        archive[end + 8..end + 10].copy_from_slice(&declared.to_le_bytes());
        archive[end + 10..end + 12].copy_from_slice(&declared.to_le_bytes());
        assert_eq!(unpack_all(archive).0.map(|report| report.stored.len()), expected, "{declared}");
    }
}

#[test]
fn a_zip_bomb_stays_within_the_in_flight_limit() {
    let bitmap = Entry::new("bomb.bmp", &blank_bitmap(MIB));
    let mut entries = vec![bitmap.clone()];
    entries.resize(70, Entry { offset: Some(0), ..bitmap });
    let archive = build(&entries);
    assert!(archive.len() < 10_000);
    // An eighth of the defaults.
    let limits = Limits { max_total_bytes: 64 << 20, max_in_flight_bytes: 6 << 20, ..Limits::default() };
    let store = Arc::new(Store { forget: true, ..Store::default() });
    let report = unpack_to(&store, archive, &limits).unwrap();
    assert_eq!((report.stored.len(), report.failed.len()), (64, 6));
    assert!(report.failed.iter().all(|failed| failed.reason == Failed::OverTotal));
    let peak = store.peak_bytes.load(Ordering::SeqCst);
    assert!((3 * MIB..=6 * MIB).contains(&peak), "{peak}");
}

#[test]
fn small_photos_are_stored_concurrently() {
    let entries: Vec<_> = (0..100).map(|at| Entry::stored("a.jpg", &photo(at, 1_000))).collect();
    let store = Arc::new(Store::default());
    let limits = Limits { max_puts: 16, ..Limits::default() };
    assert_eq!(unpack_to(&store, build(&entries), &limits).unwrap().stored.len(), 100);
    assert_eq!(store.peak_puts.load(Ordering::SeqCst), 16);
}

#[test]
fn what_photos_take_at_most_is_known_before_they_are_unpacked() {
    let entries = [
        Entry::new("a.jpg", &photo(1, 1_000)),
        Entry::new("b.txt", &[0; 500]),
        Entry::new("folder/", b""),
        Entry { flags: 1, ..Entry::new("secret.jpg", &photo(2, 100)) },
        Entry { size: u32::MAX, ..Entry::new("huge.jpg", &photo(3, 100)) },
    ];
    let declared = |limits: &Limits| Zip::open(build(&entries).into(), limits).unwrap().declared(limits);
    assert_eq!(declared(&Limits::default()), Amount { bytes: 1_500, photos: 2 });
    let limits = Limits { max_total_bytes: 1_200, ..Limits::default() };
    assert_eq!(declared(&limits), Amount { bytes: 1_200, photos: 2 });
}

#[test]
fn a_photo_is_stored_while_the_next_is_unpacked() {
    let first = Entry::stored("first.jpg", &photo(1, 1_000));
    let second = Entry::new("second.bmp", &blank_bitmap(4 * MIB));
    let unpacked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&unpacked);
    let report = run(unpack(build(&[first, second]).into(), &Limits::default(), far(), move |name, kind, bytes| {
        let unpacked = Arc::clone(&seen);
        async move {
            if kind == PhotoType::Bmp {
                unpacked.store(true, Ordering::SeqCst);
            } else {
                yield_now().await;
                assert!(!unpacked.load(Ordering::SeqCst), "the first put waited for the second photo");
            }
            Ok(stored_photo(&name, kind, bytes.len()))
        }
    }));
    assert_eq!(report.unwrap().stored.len(), 2);
}

#[test]
fn nothing_is_unpacked_in_the_time_reserved_for_storing() {
    let archive = build(&[
        Entry::new("a.jpg", &photo(1, 100)),
        Entry::new("folder/", b""),
        Entry { flags: 1, ..Entry::new("secret.jpg", &photo(2, 100)) },
        Entry::new("b.txt", b"text"),
    ]);
    let store = Arc::<Store>::default();
    for (limits, deadline) in [
        (Limits { put_time: Duration::from_hours(2), ..Limits::default() }, far()),
        (Limits::default(), run(async { Instant::now() })),
    ] {
        let put = |name, kind, bytes| store.put(name, kind, bytes);
        let report = run(unpack(archive.clone().into(), &limits, deadline, put)).unwrap();
        assert_eq!(
            short_of(&report),
            (
                vec![],
                vec![("folder/", Skipped::Directory)],
                vec![("a.jpg", Failed::OutOfTime), ("secret.jpg", Failed::Encrypted), ("b.txt", Failed::OutOfTime),],
            )
        );
    }
    assert!(store.puts.lock().unwrap().is_empty());
}

#[test]
fn waiting_for_the_store_ends_at_the_deadline() {
    let entries: Vec<_> = (0..40).map(|at| Entry::stored(&format!("{at}.jpg"), &photo(at, 100))).collect();
    let limits = Limits { put_time: Duration::ZERO, max_puts: 4, ..Limits::default() };
    let report = run(async {
        let deadline = Instant::now() + Duration::from_millis(300);
        // Storing photo 10 and all later ones never finishes.
        let store = |name: String, kind, bytes: Bytes| async move {
            if name.len() > "9.jpg".len() {
                std::future::pending::<()>().await;
            }
            Ok(stored_photo(&name, kind, bytes.len()))
        };
        let report = unpack(build(&entries).into(), &limits, deadline, store).await.unwrap();
        assert!(Instant::now() >= deadline);
        report
    });
    assert_eq!((report.stored.len(), report.failed.len()), (10, 30));
    assert!(report.failed.iter().all(|failed| failed.reason == Failed::OutOfTime));
}

#[test]
fn waiting_for_room_ends_at_the_deadline() {
    let entries = [1, 2].map(|seed| Entry::stored("a.jpg", &photo(seed, 600)));
    let limits = Limits { put_time: Duration::ZERO, max_in_flight_bytes: 1_000, ..Limits::default() };
    let report = run(async {
        let deadline = Instant::now() + Duration::from_millis(100);
        unpack(build(&entries).into(), &limits, deadline, |_, _, _| std::future::pending()).await
    });
    assert_eq!(short_of(&report.unwrap()).2, [("a.jpg", Failed::OutOfTime); 2]);
}

#[test]
fn an_error_of_the_store_fails_only_its_photo() {
    let names = ["a.jpg", "b.jpg", "c.jpg"];
    let report = run(async {
        let archive = build(&names.map(|name| Entry::new(name, &photo(1, 1_000))));
        unpack(archive.into(), &Limits::default(), far(), |name, kind, bytes| async move {
            if name == "b.jpg" {
                return Err(StoreError::Crowded);
            }
            Ok(stored_photo(&name, kind, bytes.len()))
        })
        .await
    });
    assert_eq!(short_of(&report.unwrap()), (vec!["a.jpg", "c.jpg"], vec![], vec![("b.jpg", Failed::Storage)]));
}

#[test]
fn unpacking_may_run_on_any_thread() {
    fn assert_send<T: Send>(_: &T) {}
    let store = Arc::<Store>::default();
    let limits = Limits::default();
    run(async {
        assert_send(&unpack(Bytes::new(), &limits, far(), |name, kind, bytes| store.put(name, kind, bytes)));
    });
}

// ---- Damaged archives ----

/// Entries of every kind, and their number. The nested archive is not compressed, so a truncated copy still contains
/// the end of the nested directory.
fn mixed() -> (Vec<u8>, usize) {
    let nested = zip_of(&[("nested.jpg", &photo(9, 300))]);
    let archive = build(&[
        Entry::new("folder/", b""),
        Entry::new("a.jpg", &photo(1, 700)),
        Entry::stored("nested.zip", &nested),
        Entry::stored("a.jpg", &photo(2, 600)),
        Entry::new("notes.txt", b"text"),
        Entry::new("b.bmp", &blank_bitmap(2_000)),
    ]);
    (archive, 6)
}

/// Whether these bytes are a photo of [`mixed`]. However that archive is damaged, nothing else may be stored.
fn is_its_photo(bytes: &Bytes) -> bool {
    [photo(1, 700), photo(2, 600), blank_bitmap(2_000)].iter().any(|photo| photo == bytes)
}

#[test]
fn other_files_are_not_archives() {
    for bytes in [b"".as_slice(), b"PK", b"Rar!\x1a\x07\x01\0", &photo(1, 100_000), &[b'a'; 100]] {
        assert_eq!(unpack_all(bytes.to_vec()).0.unwrap_err(), ArchiveError::NotAnArchive);
    }
}

#[test]
fn an_archive_truncated_anywhere_is_damaged() {
    let (archive, _) = mixed();
    for length in 4..archive.len() {
        let (report, puts) = unpack_all(archive[..length].to_vec());
        assert_eq!(report.unwrap_err(), ArchiveError::Damaged, "{length}");
        assert!(puts.is_empty());
    }
}

#[test]
fn an_archive_without_its_beginning_loses_only_the_entries_there() {
    let (archive, entries) = mixed();
    for start in 1..archive.len() {
        let (report, puts) = unpack_all(archive[start..].to_vec());
        if let Ok(report) = report {
            assert_eq!(total(&report), entries);
        }
        assert!(puts.iter().all(|(_, _, bytes)| is_its_photo(bytes)));
    }
}

#[test]
fn nothing_is_stored_from_an_archive_with_a_damaged_directory() {
    let (good, _) = mixed();
    let first = last(&good, b"folder/") - 46;
    let records = (first..good.len()).filter(|at| good[*at..].starts_with(b"PK\x01\x02"));
    for record in records {
        for (at, value) in [(record, b'X'), (record + 28, 0xFF), (record + 29, 0xFF), (record + 31, 0xFF)] {
            let mut archive = good.clone();
            archive[at] = value;
            let (report, puts) = unpack_all(archive);
            assert_eq!(report.unwrap_err(), ArchiveError::Damaged, "{at}");
            assert!(puts.is_empty());
        }
    }
}

#[test]
fn many_false_ends_of_a_directory_are_cheap() {
    let archive = b"PK\x05\x06".repeat(MIB);
    assert_eq!(unpack_all(archive).0.unwrap_err(), ArchiveError::Damaged);
}

#[test]
fn a_changed_byte_loses_no_entry() {
    let (good, entries) = mixed();
    let mut seed = 1;
    for at in 0..good.len() {
        for change in [1, photo(seed, 5)[4] | 2] {
            seed += 1;
            let mut archive = good.clone();
            archive[at] ^= change;
            let (report, puts) = unpack_all(archive);
            match report {
                Ok(report) => assert_eq!((total(&report), report.stored.len()), (entries, puts.len()), "{at} {change}"),
                Err(_) => assert!(puts.is_empty()),
            }
            assert!(puts.iter().all(|(_, _, bytes)| is_its_photo(bytes)));
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_with_signatures_are_handled(
        mut archive in proptest::collection::vec(any::<u8>(), 0..200),
        places in proptest::collection::vec((any::<proptest::sample::Index>(), 0_usize..5), 0..6),
    ) {
        let signatures = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"];
        for (at, which) in places {
            let at = at.index(archive.len() + 1);
            archive.splice(at..at, signatures[which].iter().copied());
        }
        let (report, puts) = unpack_all(archive);
        prop_assert!(report.is_ok_and(|report| report.stored.len() == puts.len()) || puts.is_empty());
    }
}
