//! `POST /download` and `GET /download`

use http::{StatusCode, header};
use serde::Serialize;

use crate::{
    photos::{PhotoName, PhotoStore},
    storage::presign::{EXPIRES_IN, Presigner},
    web::{Problem, Request, Response, Route, auth::Auth, json, params::Params, with_location},
};

/// Answers with a presigned address of one of the caller's photos.
pub struct Download {
    pub auth: Auth,
    pub photos: PhotoStore,
    pub presigner: Presigner,
}

#[derive(Serialize)]
struct Address<'a> {
    filename: &'a PhotoName,
    url: &'a str,
    expires_in: u64,
}

impl Route for Download {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let params = Params::read(&request)?;
        let filename = PhotoName::parse(params.required("filename")?).map_err(|_| Problem::no_such_photo())?;
        let url = self.photos.presign(&self.presigner, user.key(), &filename).await?;
        let address = Address { filename: &filename, url: &url, expires_in: EXPIRES_IN.as_secs() };
        if names_json(&request) {
            json(StatusCode::OK, &address)
        } else {
            with_location(json(StatusCode::SEE_OTHER, &address)?, &url)
        }
    }
}

/// Whether `Accept` names `application/json` itself: curl's and a browser's `*/*` want the photo.
fn names_json(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json"))
}
