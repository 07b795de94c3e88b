//! `POST /delete`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    photos::{Deletion, PhotoName},
    web::{Problem, Request, Response, Route, auth::Auth, empty, members, problem::Kind},
};

/// Deletes one of the caller's photos.
pub struct Delete {
    pub auth: Auth,
    pub deletion: Deletion,
}

crate::members! {
    struct Chosen {
        /// The photo's `filename`. Required unless `filename` is sent.
        file: Option<String>,
        /// Another name for `file`.
        filename: Option<String>,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /delete", "delete", "Photos", Access::Token, "Delete a photo permanently")
            .parameters::<Chosen>()
            .empty(204, "Deleted")
            .problems(&[Kind::NO_SUCH_PHOTO]),
    ]
}

impl Route for Delete {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let filename = match members::read_parameters(&request)? {
            Chosen { file: Some(file), filename: Some(filename) } if file != filename => {
                return Err(Problem::bad_request("`file` and `filename` are the same parameter; send one value."));
            }
            Chosen { file: Some(filename), .. } | Chosen { filename: Some(filename), .. } => filename,
            Chosen { file: None, filename: None } => {
                return Err(Problem::bad_request("The parameter `file` is required."));
            }
        };
        let filename = PhotoName::parse(&filename).map_err(|_| Problem::no_such_photo())?;
        if !self.deletion.delete(user.key(), &filename).await? {
            return Err(Problem::no_such_photo());
        }
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
