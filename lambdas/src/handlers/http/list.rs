//! `POST /list`

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde::Serialize;

use crate::{
    photos::{Photo, PhotoName, PhotoStore},
    web::{Problem, Request, Response, Route, auth::Auth, json, params::Params},
};

const DEFAULT_LIMIT: u16 = 100;
/// As many as S3 lists at once.
const MAX_LIMIT: u16 = 1000;

/// Lists the caller's photos, oldest first.
pub struct List {
    pub auth: Auth,
    pub photos: PhotoStore,
}

#[derive(Serialize)]
struct Listed {
    photos: Vec<Photo>,
    cursor: Option<String>,
}

impl Route for List {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let params = Params::read(&request)?;
        let limit = params.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
        let after = params.text("cursor").map(parse_cursor).transpose()?;
        let page = self.photos.list(user.key(), limit, after.as_ref()).await?;
        let cursor = page.next.map(|name| URL_SAFE_NO_PAD.encode(name.as_str()));
        json(StatusCode::OK, &Listed { photos: page.photos, cursor })
    }
}

/// A cursor is the name of the last photo of a page. It holds no folder: whoever makes one up gets to another place in
/// their own.
fn parse_cursor(cursor: &str) -> Result<PhotoName, Problem> {
    let name = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.and_then(|name| PhotoName::parse(&name).ok()).ok_or_else(|| {
        Problem::bad_request("The `cursor` is not one that POST /list gave; leave it out to begin again.")
    })
}
