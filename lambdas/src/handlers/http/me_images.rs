//! `GET /me/images`

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use lambda_http::Body;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    index::{EMPTY, EMPTY_ETAG, Entry, PhotoIndexStore},
    openapi::{Access, Operation},
    storage::presign::{EXPIRES_IN, Presigner},
    web::{Problem, Request, Response, Route, auth::Auth, empty, etag, json, with_location},
};

/// The largest dictionary that is in the answer itself, in bytes; Lambda's answers have 6 MB.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Answers with the dictionary of the caller's photos.
pub struct MeImages {
    pub auth: Auth,
    pub dictionaries: PhotoIndexStore,
    pub presigner: Presigner,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DictionaryAddress")]
struct Address<'a> {
    /// A presigned URL that serves the dictionary.
    #[schemars(extend("format" = "uri"))]
    url: &'a str,
    /// In seconds.
    expires_in: u64,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /me/images", "images", "Me", Access::Token, "Get the dictionary of the caller's photos")
            .request_header("If-None-Match", "The `ETag` of a dictionary that the client has.")
            .json::<Vec<Entry>>(200, "The dictionary")
            .response_header(200, "ETag", true)
            .json::<Address>(303, "A redirect to the dictionary, which is over 4 MiB")
            .response_header(303, "Location", true)
            .empty(304, "The client has the current dictionary")
            .response_header(304, "ETag", true),
    ]
}

impl Route for MeImages {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let dictionary = self.dictionaries.open(user.key()).await?;
        let etag = dictionary.as_ref().map_or(EMPTY_ETAG, |dictionary| dictionary.etag.as_str()).to_owned();
        if etag::is_none_match_satisfied(request.headers(), &etag) {
            let answer = match dictionary {
                None => with_text(Bytes::from_static(EMPTY.as_bytes()))?,
                Some(dictionary) if dictionary.size > MAX_BYTES => {
                    let url = PhotoIndexStore::presign(&self.presigner, user.key())?;
                    let address = Address { url: &url, expires_in: EXPIRES_IN.as_secs() };
                    // No ETag: what is here is the address, which is another each time.
                    return with_location(json(StatusCode::SEE_OTHER, &address)?, &url);
                }
                Some(dictionary) => with_text(dictionary.read().await?)?,
            };
            with_etag(answer, &etag)
        } else {
            with_etag(empty(StatusCode::NOT_MODIFIED), &etag)
        }
    }
}

/// JSON goes into Lambda's answer as text, whose quotes are escaped, or as base64: the shorter form is never over 6 MB.
fn with_text(text: Bytes) -> Result<Response, Problem> {
    let escapes = text.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
    let body = if escapes > text.len() / 3 {
        Body::Binary(text.into())
    } else {
        Body::Text(String::from_utf8(text.into()).map_err(Problem::internal)?)
    };
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}

/// Only the caller may keep it, and must ask whether it still holds.
fn with_etag(mut answer: Response, etag: &str) -> Result<Response, Problem> {
    answer.headers_mut().insert(header::ETAG, HeaderValue::from_str(etag).map_err(Problem::internal)?);
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_text_fits_into_an_answer_of_lambda() {
        let quotes = Bytes::from("\\\"".repeat(2 * 1024 * 1024));
        let Body::Binary(bytes) = with_text(quotes).unwrap().into_body() else { panic!("not base64") };
        assert!(bytes.len().div_ceil(3) * 4 < 6_000_000);
        let plain = Bytes::from("[{\"name\":\"20261121T020304056Z_cat.jpg\",\"type\":\"jpg\",\"size\":1}]");
        assert!(matches!(with_text(plain).unwrap().into_body(), Body::Text(_)));
    }
}
