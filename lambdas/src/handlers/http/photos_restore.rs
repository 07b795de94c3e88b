//! `POST /photos/{filename}/restore`

use http::StatusCode;

use crate::{
    index::IndexSchedule,
    openapi::{Access, Operation},
    photos::{Edit, Library, Photo},
    storage::presign::Presigner,
    web::{Problem, Request, Response, Route, auth::Auth, json, path::photo_names, problem::Kind},
};

/// Moves one of the caller's photos out of the trash.
pub struct PhotosRestore {
    pub auth: Auth,
    pub library: Library,
    pub presigner: Presigner,
    pub schedule: IndexSchedule,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "POST /photos/{filename}/restore",
            "restorePhoto",
            "Photos",
            Access::Token,
            "Move a photo out of the trash",
        )
        .filename()
        .json::<Photo>(200, "The restored photo")
        .problems(&[Kind::NO_SUCH_PHOTO]),
    ]
}

impl Route for PhotosRestore {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        for name in photo_names(&request) {
            if let Some(record) = self.library.edit(user.key(), &name, &Edit::Restore).await? {
                self.schedule.poke_or_log(user.key()).await;
                return json(StatusCode::OK, &self.library.show_one(user.key(), record, &self.presigner).await?);
            }
        }
        Err(Problem::no_such_photo())
    }
}
