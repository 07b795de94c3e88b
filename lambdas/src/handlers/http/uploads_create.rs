//! `POST /uploads`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    uploads::{Declaration, UploadView, Uploads},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        problem::{InvalidMember, Kind},
        schema, with_location,
    },
};

/// Starts an upload in parts.
pub struct UploadsCreate {
    pub auth: Auth,
    pub uploads: Uploads,
    /// The URL of the API, with its stage and without a trailing slash.
    pub api_url: String,
}

#[jsonschema::validator(
    path = "src/handlers/http/uploads_create.schema.json",
    methods = { is_valid = false, validate = false, iter_errors = true }
)]
struct Body;

/// The header `Idempotency-Key`: 1 to 128 printable ASCII characters.
fn idempotency_key(request: &Request) -> Result<Option<&str>, Problem> {
    let Some(key) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=128).contains(&key.len()));
    key.map(Some).ok_or_else(|| {
        Problem::bad_request(
            "`Idempotency-Key` must have 1 to 128 printable ASCII characters. Shorten it or leave it out.",
        )
    })
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /uploads", "createUpload", "Uploads", Access::Token, "Start an upload")
            .request_header(
                "Idempotency-Key",
                "1 to 128 printable ASCII characters. The same key and body return the same upload for a day.",
            )
            .checked_body(include_str!("uploads_create.schema.json"))
            .json::<UploadView>(201, "The new upload, with URLs for its parts")
            .location(201, "upload", "id", "$response.body#/id")
            .problems(&[Kind::TOO_LARGE, Kind::QUOTA_EXCEEDED, Kind::IDEMPOTENCY_KEY_REUSED, Kind::TOO_MANY]),
    ]
}

impl Route for UploadsCreate {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let key = idempotency_key(&request)?;
        let declaration: Declaration = schema::read(Body::iter_errors, schema::members(&request)?)?;
        let is_hex = |text: &String| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !declaration.sha256.as_ref().is_none_or(is_hex) {
            return Err(Problem::invalid(&[InvalidMember::new("/sha256", "must be 64 hexadecimal digits")]));
        }
        let upload = self.uploads.create(user.key(), declaration, key).await?;
        let location = format!("{}/uploads/{}", self.api_url, upload.id);
        with_location(json(StatusCode::CREATED, &upload)?, &location)
    }
}
