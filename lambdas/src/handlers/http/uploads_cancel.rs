//! `DELETE /uploads/{id}`

use http::StatusCode;

use crate::{
    uploads::Uploads,
    web::{Problem, Request, Response, Route, auth::Auth, empty, path::upload_id},
};

/// Cancels an upload and deletes its bytes.
pub struct UploadsCancel {
    pub auth: Auth,
    pub uploads: Uploads,
}

impl Route for UploadsCancel {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        self.uploads.cancel(user.key(), upload_id(&request)?).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}
