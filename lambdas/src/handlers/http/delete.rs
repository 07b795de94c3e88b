//! `POST /delete`

use http::StatusCode;

use crate::{
    photos::{PhotoName, PhotoStore},
    web::{Problem, Request, Response, Route, auth::Auth, empty, params::Params},
};

/// Deletes one of the caller's photos.
pub struct Delete {
    pub auth: Auth,
    pub photos: PhotoStore,
}

impl Route for Delete {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let params = Params::read(&request)?;
        let filename = match (params.text("file"), params.text("filename")) {
            (Some(file), Some(filename)) if file != filename => {
                return Err(Problem::bad_request("`file` and `filename` mean the same, and differ."));
            }
            (Some(filename), _) | (None, Some(filename)) => filename,
            (None, None) => params.required("file")?,
        };
        let filename = PhotoName::parse(filename).map_err(|_| Problem::no_such_photo())?;
        self.photos.delete(user.key(), &filename).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
