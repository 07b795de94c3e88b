//! `POST /list`

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    openapi::{Access, Operation},
    photos::{Library, Photo, PhotoName},
    storage::presign::Presigner,
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Limit},
    },
};

const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 1000;

/// Lists the caller's photos, oldest first.
pub struct List {
    pub auth: Auth,
    pub library: Library,
    pub presigner: Presigner,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhotoPage")]
struct Listed {
    photos: Vec<Photo>,
    /// Send this to get the next page; null on the last page.
    cursor: Option<String>,
}

crate::members! {
    struct Selection {
        limit: Limit<DEFAULT_LIMIT, MAX_LIMIT>,
        /// The `cursor` of the previous page.
        cursor: Option<String>,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /list", "list", "Photos", Access::Token, "List the caller's photos, oldest first")
            .parameters::<Selection>()
            .json::<Listed>(200, "A page of photos"),
    ]
}

impl Route for List {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let Selection { limit, cursor } = members::read_parameters(&request)?;
        let after = cursor.as_deref().map(parse_cursor).transpose()?;
        let (records, next) = self.library.list(user.key(), limit.get(), after.as_ref()).await?;
        let cursor = next.map(|name| URL_SAFE_NO_PAD.encode(name.as_str()));
        let photos = self.library.show(user.key(), records, &self.presigner).await?;
        json(StatusCode::OK, &Listed { photos, cursor })
    }
}

/// A cursor is the name of a photo after which the next page starts. It does not contain a folder, so a forged cursor
/// only reaches another position in the caller's own list.
fn parse_cursor(cursor: &str) -> Result<PhotoName, Problem> {
    let name = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.and_then(|name| PhotoName::parse(&name).ok()).ok_or_else(|| {
        Problem::bad_request("This `cursor` is not from POST /list. Leave it out to start from the first page.")
    })
}
