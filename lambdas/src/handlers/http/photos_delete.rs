//! `DELETE /photos/{filename}`

use http::StatusCode;

use crate::{
    index::IndexSchedule,
    openapi::{Access, Operation},
    photos::{Deletion, Edit},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        empty,
        members::{self, Flag},
        path::photo_names,
        problem::Kind,
    },
};

/// Moves one of the caller's photos to the trash, or deletes it permanently.
pub struct PhotosDelete {
    pub auth: Auth,
    pub deletion: Deletion,
    pub schedule: IndexSchedule,
}

crate::members! {
    struct Parameters {
        /// Delete the photo permanently, whether or not it is in the trash.
        permanently: Option<Flag>,
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("DELETE /photos/{filename}", "trashPhoto", "Photos", Access::Token, "Move a photo to the trash")
            .filename()
            .query::<Parameters>(true)
            .empty(204, "In the trash, or deleted permanently")
            .problems(&[Kind::NO_SUCH_PHOTO]),
    ]
}

impl Route for PhotosDelete {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let Parameters { permanently } = members::read_query(&request)?;
        for name in photo_names(&request) {
            let is_done = if permanently == Some(Flag(true)) {
                self.deletion.delete(user.key(), &name).await?
            } else {
                let trashed = self.deletion.library.edit(user.key(), &name, &Edit::Trash).await?;
                if trashed.is_some() {
                    self.schedule.poke_or_log(user.key()).await;
                }
                trashed.is_some()
            };
            if is_done {
                return Ok(empty(StatusCode::NO_CONTENT));
            }
        }
        Err(Problem::no_such_photo())
    }
}
