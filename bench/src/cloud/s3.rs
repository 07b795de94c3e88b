//! S3 with path-style URLs. Every object exists unless the plan says otherwise or a request has deleted it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::LazyLock,
};

use hyper::{
    Method, Request, StatusCode,
    body::Bytes,
    header::{CONTENT_RANGE, HeaderValue},
};
use percent_encoding::percent_decode_str;

use super::{
    archive::Archive,
    photos::{JPEG, PHOTO_BYTES, Photos, bytes_of_photo},
};
use crate::{
    plan::ArchiveSize,
    server::{Answer, Content, answer},
};

/// The multipart upload whose only part has arrived. `scripts/benchmark/library.py` names it.
const ARRIVED: &str = "arrived";
const ETAG: &str = "\"d41d8cd98f00b204e9800998ecf8427e\"";

/// The content of each photo.
static PHOTO: LazyLock<Bytes> = LazyLock::new(|| bytes_of_photo(PHOTO_BYTES));

/// The bucket.
#[derive(Default)]
pub(super) struct Bucket {
    photos: Photos,
    /// Keys without objects.
    absent: BTreeSet<String>,
    /// What was uploaded for a job.
    archive: Option<Archive>,
    /// The documents of jobs, which are the only objects that are kept.
    documents: BTreeMap<String, Bytes>,
}

/// A request to S3, as far as the functions send them.
pub(super) struct Operation {
    pub(super) name: &'static str,
    key: String,
    query: String,
    /// The first and the last byte.
    range: Option<(u64, u64)>,
}

impl Operation {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let is_copy = request.headers().contains_key("x-amz-copy-source");
        let range = request.headers().get("range").and_then(|range| {
            let (from, to) = range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
            Some((from.parse().ok()?, to.parse().ok()?))
        });
        let is_multipart = query.contains("uploadId=");
        let name = match *request.method() {
            Method::PUT if is_copy => "UploadPartCopy",
            Method::PUT if is_multipart => "UploadPart",
            Method::PUT => "PutObject",
            Method::HEAD => "HeadObject",
            Method::DELETE if is_multipart => "AbortMultipartUpload",
            Method::DELETE => "DeleteObject",
            Method::POST if is_multipart => "CompleteMultipartUpload",
            Method::POST => "CreateMultipartUpload",
            _ if is_multipart => "ListParts",
            _ if query.contains("list-type=2") => "ListObjectsV2",
            _ => "GetObject",
        };
        // After the bucket.
        let path = request.uri().path().trim_start_matches('/');
        let key = path.split_once('/').map_or("", |(_, key)| key);
        Self { name, key: percent_decode_str(key).decode_utf8_lossy().into_owned(), query, range }
    }

    /// Whether the object is a document of a job.
    pub(super) fn is_document(&self) -> bool {
        self.key.starts_with("jobs/")
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let value = self.query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    }
}

impl Bucket {
    /// A folder with so many photos, perhaps an archive, and documents, in a bucket without the objects `absent`.
    pub(super) fn reset(
        &mut self,
        photos: Photos,
        absent: &[String],
        archive: Option<ArchiveSize>,
        documents: BTreeMap<String, Bytes>,
    ) {
        let absent = absent.iter().cloned().collect();
        *self = Self { photos, absent, archive: archive.map(Archive::new), documents };
    }

    /// Keeps a document.
    pub(super) fn put_document(&mut self, operation: &Operation, document: Bytes) -> Answer {
        self.documents.insert(operation.key.clone(), document);
        self.answer(operation)
    }

    /// The archive, if the operation is about it.
    fn archive(&self, operation: &Operation) -> Option<&Archive> {
        self.archive.as_ref().filter(|_| operation.key.starts_with("incoming/"))
    }

    pub(super) fn answer(&mut self, operation: &Operation) -> Answer {
        let key = &operation.key;
        let mut answer = match operation.name {
            "ListObjectsV2" => answer(StatusCode::OK, self.listing(operation)),
            "ListParts" => answer(StatusCode::OK, parts(operation)),
            "CreateMultipartUpload" => xml("InitiateMultipartUploadResult", "<UploadId>started</UploadId>"),
            "UploadPart" => answer(StatusCode::OK, ""),
            "UploadPartCopy" => xml("CopyPartResult", &format!("<ETag>{ETAG}</ETag>")),
            "AbortMultipartUpload" => answer(StatusCode::NO_CONTENT, ""),
            "GetObject" | "HeadObject" | "DeleteObject" if self.absent.contains(key) => {
                // The response to `HeadObject` has no body.
                let is_head = operation.name == "HeadObject";
                answer(StatusCode::NOT_FOUND, if is_head { "" } else { "<Error><Code>NoSuchKey</Code></Error>" })
            }
            "DeleteObject" => {
                self.absent.insert(key.clone());
                answer(StatusCode::NO_CONTENT, "")
            }
            "HeadObject" => {
                let mut head = answer(StatusCode::OK, "");
                let length = self.archive(operation).map_or(PHOTO_BYTES as u64, Archive::length);
                head.headers_mut().insert("content-length", length.into());
                head
            }
            "GetObject" if operation.is_document() => match self.documents.get(key) {
                Some(document) => answer(StatusCode::OK, document.clone()),
                None => answer(StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>"),
            },
            "GetObject" if self.archive(operation).is_some() => self.part(operation),
            "GetObject" if operation.range.is_some() => answer(StatusCode::PARTIAL_CONTENT, Bytes::from_static(&JPEG)),
            "GetObject" if key.starts_with("photos/") => answer(StatusCode::OK, PHOTO.clone()),
            "GetObject" => {
                let (length, chunks) = self.photos.index();
                let mut index = answer(StatusCode::OK, "").map(|_| Content::generated(length, chunks));
                index.headers_mut().insert("x-amz-meta-changes", self.photos.count.into());
                index
            }
            _ => {
                self.absent.remove(key);
                match operation.name {
                    "PutObject" => answer(StatusCode::OK, ""),
                    _ => xml("CompleteMultipartUploadResult", &format!("<ETag>{ETAG}</ETag>")),
                }
            }
        };
        let headers = answer.headers_mut();
        headers.insert("x-amz-request-id", HeaderValue::from_static("4442587FB7D0A2F9"));
        headers.insert("etag", HeaderValue::from_static(ETAG));
        headers.insert("last-modified", HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
        answer
    }

    /// A range of the archive.
    fn part(&self, operation: &Operation) -> Answer {
        let (Some(archive), Some((from, last))) = (self.archive(operation), operation.range) else {
            return answer(StatusCode::RANGE_NOT_SATISFIABLE, "");
        };
        let to = archive.length().min(last + 1);
        let length = usize::try_from(to - from).unwrap_or(usize::MAX);
        let bytes = archive.range(from, to);
        let mut part = answer(StatusCode::PARTIAL_CONTENT, "").map(|_| Content::generated(length, bytes));
        let range = HeaderValue::try_from(format!("bytes {from}-{}/{}", to - 1, archive.length()));
        part.headers_mut().extend(range.ok().map(|range| (CONTENT_RANGE, range)));
        part
    }

    /// The response of `ListObjectsV2`. A prefix without a trailing slash is taken for a complete key.
    fn listing(&self, operation: &Operation) -> String {
        let prefix = operation.parameter("prefix").unwrap_or_default();
        let max = operation.parameter("max-keys").and_then(|max| max.parse().ok()).unwrap_or(1000);
        let after = operation.parameter("continuation-token").or_else(|| operation.parameter("start-after"));
        let (mut contents, mut next) = (String::new(), String::new());
        let mut count = 0;
        if prefix.ends_with('/') {
            let key = |number| format!("{prefix}{}", self.photos.name(number));
            let first = after.map_or(0, |after| self.photos.rank(|number| key(number) <= after));
            let end = self.photos.count.min(first + max);
            for number in first..end {
                content(&mut contents, &key(number));
            }
            count = end - first;
            if end < self.photos.count {
                next = format!("<NextContinuationToken>{}</NextContinuationToken>", key(end - 1));
            }
        } else if !self.absent.contains(&prefix) {
            content(&mut contents, &prefix);
            count = 1;
        }
        let more = !next.is_empty();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>yourplace</Name>\
             <Prefix>{prefix}</Prefix><KeyCount>{count}</KeyCount><MaxKeys>{max}</MaxKeys>\
             <EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{next}{contents}</ListBucketResult>"
        )
    }
}

fn content(contents: &mut String, key: &str) {
    // Writing to a String cannot fail.
    let _ = write!(
        contents,
        "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
         <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>{PHOTO_BYTES}</Size>\
         <StorageClass>STANDARD</StorageClass></Contents>"
    );
}

fn parts(operation: &Operation) -> String {
    let part = format!("<Part><PartNumber>1</PartNumber><ETag>{ETAG}</ETag><Size>{PHOTO_BYTES}</Size></Part>");
    let part = if operation.parameter("uploadId").as_deref() == Some(ARRIVED) { &part } else { "" };
    format!("<ListPartsResult><IsTruncated>false</IsTruncated>{part}</ListPartsResult>")
}

fn xml(name: &str, content: &str) -> Answer {
    answer(StatusCode::OK, format!("<{name} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{content}</{name}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(method: Method, uri: &str) -> Operation {
        Operation::of(&Request::builder().method(method).uri(uri).body(()).unwrap())
    }

    #[test]
    fn pages_follow_each_other() {
        let mut bucket = Bucket::default();
        bucket.reset(Photos { count: 3 }, &[], None, BTreeMap::new());
        let list = "/yourplace?list-type=2&max-keys=2&prefix=photos%2Fann%2F";
        let first = bucket.listing(&operation(Method::GET, list));
        assert_eq!(first.matches("<Key>").count(), 2);
        assert!(first.contains("<IsTruncated>true</IsTruncated>"));
        let second_photo = Photos { count: 3 }.name(1);
        let next = format!("{list}&continuation-token=photos%2Fann%2F{second_photo}");
        let second = bucket.listing(&operation(Method::GET, &next));
        assert!(second.contains(&Photos { count: 3 }.name(2)));
        assert!(second.contains("<KeyCount>1</KeyCount>") && second.contains("<IsTruncated>false</IsTruncated>"));
    }

    #[test]
    fn an_object_is_gone_after_its_deletion() {
        let mut bucket = Bucket::default();
        let mut status = |method| bucket.answer(&operation(method, "/yourplace/photos/ann/a.jpg")).status();
        assert_eq!(status(Method::HEAD), StatusCode::OK);
        assert_eq!(status(Method::DELETE), StatusCode::NO_CONTENT);
        assert_eq!(status(Method::HEAD), StatusCode::NOT_FOUND);
        assert_eq!(status(Method::PUT), StatusCode::OK);
        assert_eq!(status(Method::HEAD), StatusCode::OK);
    }
}
