//! The cost of indexing a folder of 100,000 photos. A server replaces S3. It generates each page of the listing on
//! request, so the measured memory is the indexer's.

// Clippy recognises a test by its attribute, but not the functions that the test calls.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use yourplace::{
    aws,
    index::{Indexer, PhotoIndexStore, Totals},
    photos::PhotoStore,
    storage::Objects,
    users::UserKey,
};

const PHOTOS: usize = 100_000;
const SIZE: u64 = 1_234_567;
const PAGE: usize = 1000;

/// The name of the n-th photo, about as long as the names that cameras generate.
fn name(n: usize) -> String {
    format!("20261121T{:02}{:02}{:02}{:03}Z_IMG_{n:06}.jpg", n / 3_600_000, n / 60_000 % 60, n / 1000 % 60, n % 1000)
}

#[derive(Default)]
struct Seen {
    lists: AtomicUsize,
    /// For each write, its size in bytes and the number of photos in its metadata.
    writes: Mutex<Vec<(usize, String)>>,
}

fn serve(listener: &TcpListener, seen: &Arc<Seen>) {
    for stream in listener.incoming() {
        let seen = Arc::clone(seen);
        thread::spawn(move || serve_connection(stream.unwrap(), &seen));
    }
}

fn serve_connection(mut stream: TcpStream, seen: &Seen) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut parts = line.split(' ');
        let (method, target) = (parts.next().unwrap().to_owned(), parts.next().unwrap().to_owned());
        let mut headers = HashMap::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        if headers.contains_key("expect") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        io::copy(&mut reader.by_ref().take(length), &mut io::sink()).unwrap();
        let body = if method == "GET" {
            seen.lists.fetch_add(1, Ordering::Relaxed);
            list(&target)
        } else {
            let bytes = usize::try_from(length).unwrap();
            seen.writes.lock().unwrap().push((bytes, headers["x-amz-meta-count"].clone()));
            String::new()
        };
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"e\"\r\n\r\n{body}", body.len()).unwrap();
    }
}

fn list(target: &str) -> String {
    let query = target.split_once('?').unwrap().1;
    let query: HashMap<_, _> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(query["prefix"], "photos/ann/");
    assert_eq!(query["max-keys"], PAGE.to_string());
    let first = query.get("start-after").map_or(0, |after| {
        let (_, number) = after.trim_end_matches(".jpg").rsplit_once('_').unwrap();
        number.parse::<usize>().unwrap() + 1
    });
    let last = (first + PAGE).min(PHOTOS);
    let mut xml = String::from("<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType>");
    for n in first..last {
        let name = name(n);
        write!(
            xml,
            "<Contents><Key>photos/ann/{name}</Key><LastModified>2026-11-21T02:03:04.000Z</LastModified>\
             <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{SIZE}</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>"
        )
        .unwrap();
    }
    if last < PHOTOS {
        xml.push_str("<IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>");
    }
    xml.push_str("</ListBucketResult>");
    xml
}

/// The peak memory of this process in bytes (Linux; proc(5)).
fn peak_memory() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}

#[tokio::test]
async fn a_folder_of_100_000_photos_costs_two_listings_and_one_write() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Seen::default());
    thread::spawn({
        let seen = Arc::clone(&seen);
        move || serve(&listener, &seen)
    });
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .http_client(aws::http_client())
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(format!("http://{address}"))
            .force_path_style(true)
            .build(),
    );
    let objects = Objects::new(s3, "b".to_owned());
    let indexer = Indexer::new(PhotoStore::new(objects.clone()), PhotoIndexStore::new(objects));
    let folder = UserKey::from_segment("ann").unwrap();

    let (memory, start) = (peak_memory(), Instant::now());
    let done = indexer.index(&folder).await.unwrap();
    let (time, memory) = (start.elapsed(), peak_memory().zip(memory).map_or(0, |(after, before)| after - before));

    assert_eq!(done.totals, Totals { count: PHOTOS as u64, bytes: PHOTOS as u64 * SIZE });
    assert_eq!(seen.lists.load(Ordering::Relaxed), 2 * PHOTOS / PAGE);
    let writes = seen.writes.lock().unwrap();
    let [(bytes, count)] = writes.as_slice() else { panic!("{} writes", writes.len()) };
    assert_eq!(*count, PHOTOS.to_string());
    println!("{PHOTOS} photos: 200 listings, 1 write of {bytes} bytes, {time:.1?}, {memory} bytes more memory");
    assert!(memory < 64 * 1024 * 1024, "only the text of the photo index may be in memory: {memory} bytes");
}
