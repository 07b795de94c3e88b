//! `DELETE /trash`

use http::StatusCode;

use crate::{
    openapi::{Access, Operation},
    photos::Trash,
    web::{Problem, Request, Response, Route, auth::Auth, empty},
};

/// Has the caller's trash emptied.
pub struct TrashEmpty {
    pub auth: Auth,
    pub trash: Trash,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("DELETE /trash", "emptyTrash", "Photos", Access::Token, "Delete the trash permanently")
            .empty(202, "What is in the trash now is deleted permanently, soon"),
    ]
}

impl Route for TrashEmpty {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        self.trash.empty(user.key()).await?;
        Ok(empty(StatusCode::ACCEPTED))
    }
}
