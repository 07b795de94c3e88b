//! `POST /uploads/{id}/parts`

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    money::whole_number,
    openapi::{Access, Operation},
    uploads::{Part, Uploads},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        path::upload_id,
        problem::{InvalidMember, Kind},
        schema,
    },
};

/// Signs new URLs for parts of an upload.
pub struct UploadsParts {
    pub auth: Auth,
    pub uploads: Uploads,
}

#[jsonschema::validator(
    path = "src/handlers/http/uploads_parts.schema.json",
    methods = { is_valid = false, validate = false, iter_errors = true }
)]
struct Body;

#[derive(Deserialize)]
struct Numbers {
    numbers: Vec<Number>,
}

#[derive(Deserialize)]
struct Number(#[serde(deserialize_with = "whole_number")] u64);

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "UploadParts")]
struct Parts {
    parts: Vec<Part>,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /uploads/{id}/parts", "uploadParts", "Uploads", Access::Token, "Sign new URLs for parts")
            .id("The upload's id")
            .checked_body(include_str!("uploads_parts.schema.json"))
            .json::<Parts>(200, "The parts with their URLs")
            .problems(&[Kind::NO_SUCH_UPLOAD, Kind::UPLOAD_ENDED]),
    ]
}

impl Route for UploadsParts {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let id = upload_id(&request)?;
        let Numbers { numbers } = schema::read(Body::iter_errors, schema::members(&request)?)?;
        // All of them fit, because the schema limits them.
        let numbers: Vec<u32> = numbers.iter().filter_map(|Number(number)| u32::try_from(*number).ok()).collect();
        let parts = self.uploads.parts(user.key(), id, &numbers).await?;
        let parts = parts.map_err(|index| {
            Problem::invalid(&[InvalidMember::new(format!("/numbers/{index}"), "must be the number of a part")])
        })?;
        json(StatusCode::OK, &Parts { parts })
    }
}
