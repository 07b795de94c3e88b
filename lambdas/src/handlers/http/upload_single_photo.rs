//! `POST /upload_single_photo`

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    config::Uploads,
    openapi::{Access, Operation},
    photos::{Intake, Photo, PhotoStore, PhotoType, Quota},
    uploads::UploadStore,
    web::{Problem, Request, Response, Route, auth::Auth, json, problem::Kind, upload::Upload, with_location},
};

/// Stores one photo in the caller's folder.
pub struct UploadSinglePhoto {
    pub auth: Auth,
    pub photos: PhotoStore,
    /// Counts the quota.
    pub uploads: UploadStore,
    pub quota: Quota,
    /// The limit on the size of a photo.
    pub limit: Uploads,
    /// The URL of the API, with its stage and without a trailing slash.
    pub api_url: String,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /upload_single_photo", "uploadSinglePhoto", "Photos", Access::Token, "Store a photo")
            .upload("file", "A photo of at most 4,194,304 bytes")
            .json::<Photo>(201, "The stored photo")
            .location(201, "downloadByUrl", "filename", "$response.body#/filename")
            .problems(&[Kind::NOT_A_PHOTO, Kind::QUOTA_EXCEEDED]),
    ]
}

impl Route for UploadSinglePhoto {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let upload = Upload::read(request, "file", self.limit.max_bytes).await?;
        let kind = PhotoType::detect(&upload.bytes).ok_or_else(Problem::not_a_photo)?;
        let intake = Intake::new(&self.photos, &self.uploads, self.quota, user.key());
        let stored = intake.store(&upload.filename, kind, upload.bytes).await;
        intake.finish().await;
        let photo = Photo::from(stored?);
        let filename = utf8_percent_encode(photo.filename.as_str(), NON_ALPHANUMERIC);
        let location = format!("{}/download?filename={filename}", self.api_url);
        with_location(json(StatusCode::CREATED, &photo)?, &location)
    }
}
