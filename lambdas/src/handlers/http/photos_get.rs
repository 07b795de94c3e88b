//! `GET /photos/{filename}`

use http::{HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::{
    hex::hex,
    openapi::{Access, Operation},
    photos::{Library, Photo, PhotoRecord},
    storage::presign::Presigner,
    users::UserKey,
    web::{Problem, Request, Response, Route, auth::Auth, empty, etag, json, path::photo_names, problem::Kind},
};

/// Shows one of the caller's photos.
pub struct PhotosGet {
    pub auth: Auth,
    pub library: Library,
    pub presigner: Presigner,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /photos/{filename}", "photo", "Photos", Access::Token, "Show a photo")
            .filename()
            .request_header("If-None-Match", "The `ETag` of the photo that the client has.")
            .json::<Photo>(200, "The photo")
            .response_header(200, "ETag", true)
            .empty(304, "The client has the current photo")
            .response_header(304, "ETag", true)
            .problems(&[Kind::NO_SUCH_PHOTO]),
    ]
}

impl PhotosGet {
    async fn find(&self, request: &Request, user: &UserKey) -> Result<PhotoRecord, Problem> {
        for name in photo_names(request) {
            if let Some(record) = self.library.get(user, &name).await? {
                return Ok(record);
            }
        }
        Err(Problem::no_such_photo())
    }
}

impl Route for PhotosGet {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let record = self.find(&request, user.key()).await?;
        let photo = self.library.show_one(user.key(), record, &self.presigner).await?;
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
