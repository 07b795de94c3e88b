//! `POST /exports`

use http::StatusCode;
use serde::Deserialize;

use crate::{
    jobs::{ExportRequest, Exports, JobView},
    openapi::{Access, Operation},
    photos::TakenAt,
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        problem::{InvalidMember, Kind},
        schema, with_location,
    },
};

/// Starts a job that exports photos.
pub struct ExportsCreate {
    pub auth: Auth,
    pub exports: Exports,
    /// The URL of the API, with its stage and without a trailing slash.
    pub api_url: String,
}

#[jsonschema::validator(
    path = "src/handlers/http/exports_create.schema.json",
    methods = { is_valid = false, validate = false, iter_errors = true }
)]
struct Body;

#[derive(Deserialize)]
struct Wanted {
    photos: Option<Vec<String>>,
    from: Option<String>,
    to: Option<String>,
    favourite: Option<bool>,
    #[serde(default = "originals")]
    originals: bool,
}

const fn originals() -> bool {
    true
}

impl TryFrom<Wanted> for ExportRequest {
    type Error = Problem;

    fn try_from(Wanted { photos, from, to, favourite, originals }: Wanted) -> Result<Self, Problem> {
        let mut wrong = Vec::new();
        if photos.is_some() && (from.is_some() || to.is_some() || favourite.is_some()) {
            wrong.push(InvalidMember::new("/photos", "cannot be sent together with from, to or favourite"));
        }
        let mut time = |pointer: &str, text: Option<String>| {
            let time = text.as_deref().and_then(TakenAt::parse_local);
            if text.is_some() && time.is_none() {
                let detail =
                    "must be a local date or time without an offset, such as 2026-11-21 or 2026-11-21T14:30:00";
                wrong.push(InvalidMember::new(pointer, detail));
            }
            time
        };
        let (from, to) = (time("/from", from), time("/to", to));
        if let (Some(from), Some(to)) = (&from, &to)
            && from.sort_key() > to.sort_key()
        {
            wrong.push(InvalidMember::new("/from", "must not be after to"));
        }
        if wrong.is_empty() {
            Ok(Self { photos, from, to, favourite, originals })
        } else {
            Err(Problem::invalid(&wrong))
        }
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /exports", "createExport", "Jobs", Access::Token, "Export photos as ZIP archives")
            .checked_body(include_str!("exports_create.schema.json"))
            .json::<JobView>(202, "The job. Once it is done, it has `files`")
            .location(202, "job", "id", "$response.body#/id")
            .problems(&[Kind::NO_SUCH_PHOTOS, Kind::TOO_MANY]),
    ]
}

impl Route for ExportsCreate {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let wanted: Wanted = schema::read(Body::iter_errors, schema::members(&request)?)?;
        let job = self.exports.create(user.key(), wanted.try_into()?).await?;
        let location = format!("{}/jobs/{}", self.api_url, job.id);
        with_location(json(StatusCode::ACCEPTED, &job)?, &location)
    }
}
