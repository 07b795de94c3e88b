//! `POST /uploads`

use http::StatusCode;

use crate::{
    uploads::{Created, Declaration, Uploads},
    web::{Problem, Request, Response, Route, auth::Auth, json, problem::InvalidMember, schema, with_location},
};

/// Starts an upload of any size.
pub struct UploadsCreate {
    pub auth: Auth,
    pub uploads: Uploads,
    /// The URL of the API, with its stage and without a slash at the end.
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
            "`Idempotency-Key` must have 1 to 128 printable ASCII characters; leave it out to go without.",
        )
    })
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
        let Created(upload) = self.uploads.create(user.key(), declaration, key).await?;
        let location = format!("{}/uploads/{}", self.api_url, upload.id);
        with_location(json(StatusCode::CREATED, &upload)?, &location)
    }
}
