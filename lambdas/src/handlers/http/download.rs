//! `POST /download` and `GET /download`

use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    openapi::{Access, Operation},
    photos::{PhotoName, PhotoStore},
    storage::presign::{EXPIRES_IN, Presigner},
    web::{Problem, Request, Response, Route, auth::Auth, json, members, problem::Kind, with_location},
};

/// Returns a presigned URL of one of the caller's photos.
pub struct Download {
    pub auth: Auth,
    pub photos: PhotoStore,
    pub presigner: Presigner,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PhotoAddress")]
struct Address<'a> {
    filename: &'a PhotoName,
    /// A presigned URL that serves the photo.
    #[schemars(extend("format" = "uri"))]
    url: &'a str,
    /// How long the URL is valid, in seconds.
    expires_in: u64,
}

crate::members! {
    struct Chosen {
        /// The photo's `filename`.
        filename: String,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        operation("GET /download", "downloadByUrl").query::<Chosen>(true),
        operation("POST /download", "download").parameters::<Chosen>(),
    ]
}

fn operation(route: &str, id: &'static str) -> Operation {
    Operation::new(route, id, "Photos", Access::Token, "Get a presigned URL of a photo, or be redirected to it")
        .request_header("Accept", "If it names `application/json`, the response is a 200 instead of a 303.")
        .json::<Address>(200, "The presigned URL, if `Accept` names `application/json`")
        .json::<Address>(303, "A redirect to the photo")
        .response_header(303, "Location", true)
        .problems(&[Kind::NO_SUCH_PHOTO])
}

impl Route for Download {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let Chosen { filename } = members::read_parameters(&request)?;
        let filename = PhotoName::parse(&filename).map_err(|_| Problem::no_such_photo())?;
        let url = self.photos.presign(&self.presigner, user.key(), &filename).await?;
        let address = Address { filename: &filename, url: &url, expires_in: EXPIRES_IN.as_secs() };
        if names_json(&request) {
            json(StatusCode::OK, &address)
        } else {
            with_location(json(StatusCode::SEE_OTHER, &address)?, &url)
        }
    }
}

/// Whether `Accept` names `application/json` explicitly. `*/*`, which curl and browsers send, asks for the photo.
fn names_json(request: &Request) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT);
    accepted
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json"))
}
