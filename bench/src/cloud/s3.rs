//! S3 with path-style URLs. A folder's photos are generated: photo n was uploaded in millisecond n of 2026.

use std::fmt::Write as _;

use hyper::{Method, Request, StatusCode, body::Incoming, header::HeaderValue};
use percent_encoding::percent_decode_str;

use crate::server::{Answer, answer};

const PHOTO_BYTES: usize = 100_000;
const RECORD: &str = r#"{"display_name":null,"created_at":"2026-01-01T00:00:00.000Z"}"#;
const DICTIONARY: &str = r#"[{"name":"20260101T000000000Z_photo.jpg","type":"jpg","size":100000}]"#;

/// An S3 operation, as far as the functions use it.
pub(super) enum Operation {
    List { prefix: String, after: Option<usize>, max: usize },
    Put,
    Get { is_record: bool },
    Head,
    Delete,
}

impl Operation {
    pub(super) fn of(request: &Request<Incoming>) -> Self {
        match *request.method() {
            Method::PUT => Self::Put,
            Method::HEAD => Self::Head,
            Method::DELETE => Self::Delete,
            _ => match request.uri().query().filter(|query| query.contains("list-type=2")) {
                Some(query) => Self::list(query),
                None => Self::Get { is_record: request.uri().path().ends_with("/record.json") },
            },
        }
    }

    fn list(query: &str) -> Self {
        let parameter = |name: &str| {
            let value = query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))?;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        let after = parameter("continuation-token").or_else(|| parameter("start-after"));
        let max = parameter("max-keys").and_then(|max| max.parse().ok()).unwrap_or(1000);
        Self::List { prefix: parameter("prefix").unwrap_or_default(), after: after.as_deref().and_then(number), max }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "ListObjectsV2",
            Self::Put => "PutObject",
            Self::Get { .. } => "GetObject",
            Self::Head => "HeadObject",
            Self::Delete => "DeleteObject",
        }
    }

    /// The response for a folder of `photos` photos.
    pub(super) fn answer(&self, photos: usize) -> Answer {
        let mut answer = match self {
            Self::List { prefix, after, max } => answer(StatusCode::OK, listing(prefix, *after, *max, photos)),
            Self::Put | Self::Head => answer(StatusCode::OK, ""),
            Self::Get { is_record: true } => answer(StatusCode::OK, RECORD),
            Self::Get { is_record: false } => answer(StatusCode::OK, DICTIONARY),
            Self::Delete => answer(StatusCode::NO_CONTENT, ""),
        };
        let headers = answer.headers_mut();
        headers.insert("x-amz-request-id", HeaderValue::from_static("4442587FB7D0A2F9"));
        headers.insert("etag", HeaderValue::from_static("\"d41d8cd98f00b204e9800998ecf8427e\""));
        if matches!(self, Self::Head | Self::Get { .. }) {
            headers.insert("x-amz-meta-count", HeaderValue::from_static("1"));
            headers.insert("x-amz-meta-bytes", HeaderValue::from_static("100000"));
            headers.insert("last-modified", HeaderValue::from_static("Thu, 01 Jan 2026 00:00:00 GMT"));
        }
        answer
    }
}

/// The response of `ListObjectsV2`. A prefix without a trailing slash is taken for a complete key that exists.
fn listing(prefix: &str, after: Option<usize>, max: usize, photos: usize) -> String {
    let mut contents = String::new();
    let mut next = String::new();
    if prefix.ends_with('/') {
        let first = after.map_or(0, |after| after + 1);
        let end = photos.min(first + max);
        for number in first..end {
            content(&mut contents, &key(prefix, number));
        }
        if end < photos {
            next = format!("<NextContinuationToken>{}</NextContinuationToken>", key(prefix, end - 1));
        }
    } else {
        content(&mut contents, prefix);
    }
    let more = !next.is_empty();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>yourplace</Name>\
         <Prefix>{prefix}</Prefix><KeyCount>{}</KeyCount><MaxKeys>{max}</MaxKeys><EncodingType>url</EncodingType>\
         <IsTruncated>{more}</IsTruncated>{next}{contents}</ListBucketResult>",
        photos.min(max)
    )
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

fn key(prefix: &str, number: usize) -> String {
    let (seconds, milliseconds) = (number / 1000, number % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{prefix}20260101T{hours:02}{minutes:02}{seconds:02}{milliseconds:03}Z_photo.jpg")
}

/// The number of the photo with this key; the inverse of [`key`].
fn number(key: &str) -> Option<usize> {
    let (_, time) = key.rsplit_once("20260101T")?;
    let part = |from: usize, to: usize| time.get(from..to)?.parse::<usize>().ok();
    Some(((part(0, 2)? * 60 + part(2, 4)?) * 60 + part(4, 6)?) * 1000 + part(6, 9)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_numbered() {
        for number in [0, 999, 1000, 59_999, 60_000, 100_000] {
            assert_eq!(super::number(&key("photos/ann/", number)), Some(number));
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let first = listing("photos/ann/", None, 2, 3);
        assert_eq!(first.matches("<Key>").count(), 2);
        assert!(first.contains("<IsTruncated>true</IsTruncated>"));
        let second = listing("photos/ann/", Some(1), 2, 3);
        assert!(second.contains(&key("photos/ann/", 2)));
        assert!(second.contains("<IsTruncated>false</IsTruncated>"));
    }
}
