//! `GET /photos/{filename}`

use http::{HeaderValue, StatusCode, header};
use lambda_http::RequestExt as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    hex::hex,
    openapi::{Access, Operation},
    photos::{Library, Photo, PhotoName},
    web::{Problem, Request, Response, Route, auth::Auth, empty, etag, json, problem::Kind},
};

/// Shows one of the caller's photos.
pub struct PhotosGet {
    pub auth: Auth,
    pub library: Library,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /photos/{filename}", "photo", "Photos", Access::Token, "Show a photo")
            .path_parameter("filename", &json!({"type": "string", "minLength": 1}), "The photo's `filename`")
            .request_header("If-None-Match", "The `ETag` of the photo that the client has.")
            .json::<Photo>(200, "The photo")
            .response_header(200, "ETag", true)
            .empty(304, "The client has the current photo")
            .response_header(304, "ETag", true)
            .problems(&[Kind::NO_SUCH_PHOTO]),
    ]
}

impl Route for PhotosGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let parameters = request.path_parameters();
        let name = parameters.first("filename").and_then(|name| PhotoName::parse(name).ok());
        let name = name.ok_or_else(Problem::no_such_photo)?;
        let record = self.library.get(user.key(), &name).await?.ok_or_else(Problem::no_such_photo)?;
        let photo = Photo::from(record);
        let text = serde_json::to_vec(&photo).map_err(Problem::internal)?;
        let etag = format!("\"{}\"", hex(&Sha256::digest(text)));
        let mut response = if etag::is_none_match_satisfied(request.headers(), &etag) {
            json(StatusCode::OK, &photo)?
        } else {
            empty(StatusCode::NOT_MODIFIED)
        };
        response.headers_mut().insert(header::ETAG, HeaderValue::from_str(&etag).map_err(Problem::internal)?);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        Ok(response)
    }
}
