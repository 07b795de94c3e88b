//! `GET /me/images`

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use lambda_http::Body;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    index::{Entry, PhotoIndex, PhotoIndexStore, Stored},
    openapi::{Access, Operation},
    photos::{Library, Usage},
    storage::{
        CloudError,
        presign::{EXPIRES_IN, Presigner},
    },
    users::UserKey,
    web::{Problem, Request, Response, Route, auth::Auth, empty, etag, json, with_location},
};

/// The largest photo index that a response contains, in bytes. Lambda limits a response to 6 MB.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// The index of fewer photos is never larger than [`MAX_BYTES`]: an entry has at most 300 bytes, even if JSON escapes
/// every character of a name.
const MANY_PHOTOS: u64 = 10_000;

/// Returns the index of the caller's photos.
pub struct MeImages {
    pub auth: Auth,
    pub library: Library,
    pub indexes: PhotoIndexStore,
    pub presigner: Presigner,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhotoIndexAddress")]
struct Address<'a> {
    /// A presigned URL that serves the photo index.
    #[schemars(extend("format" = "uri"))]
    url: &'a str,
    /// How long the URL is valid, in seconds.
    expires_in: u64,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /me/images", "images", "Me", Access::Token, "Get the index of the caller's photos")
            .request_header("If-None-Match", "The `ETag` of the index that the client has.")
            .json::<Vec<Entry>>(200, "The photo index")
            .response_header(200, "ETag", true)
            .json::<Address>(303, "A redirect to an index of more than 4 MiB")
            .response_header(303, "Location", true)
            .empty(304, "The client has the current index")
            .response_header(304, "ETag", true),
    ]
}

impl Route for MeImages {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let user = user.key();
        let (usage, stored) = tokio::try_join!(self.library.usage(user), self.indexes.open(user))?;
        let changes = usage.changes;
        // The index in the bucket lags by up to a minute. Until then, the records are the source.
        let index = match stored.filter(|stored| stored.changes >= changes) {
            Some(stored) => Index::Stored(stored),
            None => self.make(user, &usage).await?,
        };
        let (etag, size) = match &index {
            Index::Stored(stored) | Index::Snapshot(stored) => (stored.etag.clone(), stored.size),
            Index::Made(made) => (made.etag(), made.size()),
        };
        if !etag::is_none_match_satisfied(request.headers(), &etag) {
            return with_etag(empty(StatusCode::NOT_MODIFIED), &etag);
        }
        let url = match index {
            Index::Stored(stored) | Index::Snapshot(stored) if size <= MAX_BYTES => {
                return with_etag(with_text(stored.read().await?)?, &etag);
            }
            Index::Made(made) if size <= MAX_BYTES => return with_etag(with_text(made.into_json())?, &etag),
            Index::Stored(_) => PhotoIndexStore::presign(&self.presigner, user)?,
            Index::Snapshot(_) | Index::Made(_) => PhotoIndexStore::presign_snapshot(&self.presigner, user, changes)?,
        };
        let address = Address { url: &url, expires_in: EXPIRES_IN.as_secs() };
        // No ETag: the presigned URL changes on every call.
        with_location(json(StatusCode::SEE_OTHER, &address)?, &url)
    }
}

impl MeImages {
    /// The index from the records. For many photos that takes seconds, so it is stored for the requests that follow.
    async fn make(&self, user: &UserKey, usage: &Usage) -> Result<Index, CloudError> {
        let is_large = usage.stored().photos >= MANY_PHOTOS;
        if is_large && let Some(snapshot) = self.indexes.open_snapshot(user, usage.changes).await? {
            return Ok(Index::Snapshot(snapshot));
        }
        let made = PhotoIndex::read(&self.library, user).await?;
        if is_large {
            self.indexes.write_snapshot(user, made.clone(), usage.changes).await?;
        }
        Ok(Index::Made(made))
    }
}

/// The current index.
enum Index {
    Stored(Stored),
    Snapshot(Stored),
    Made(PhotoIndex),
}

/// Lambda's response contains the JSON as text, with escaped quotes, or as base64. The shorter of the two always stays
/// below 6 MB.
fn with_text(text: Bytes) -> Result<Response, Problem> {
    let escapes = text.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let body = if escapes > text.len() / 3 {
        Body::Binary(text.into())
    } else {
        Body::Text(String::from_utf8(text.into()).map_err(Problem::internal)?)
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Only the caller may cache the response, and must revalidate it on each use.
fn with_etag(mut response: Response, etag: &str) -> Result<Response, Problem> {
    response.headers_mut().insert(header::ETAG, HeaderValue::from_str(etag).map_err(Problem::internal)?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_index_fits_a_response_of_lambda() {
        let quotes = Bytes::from("\\\"".repeat(2 * 1024 * 1024));
        let Body::Binary(bytes) = with_text(quotes).unwrap().into_body() else { panic!("not base64") };
        assert!(bytes.len().div_ceil(3) * 4 < 6_000_000);
        let plain = Bytes::from("[{\"name\":\"20261121T020304056Z_cat.jpg\",\"type\":\"jpg\",\"size\":1}]");
        assert!(matches!(with_text(plain).unwrap().into_body(), Body::Text(_)));
    }
}
