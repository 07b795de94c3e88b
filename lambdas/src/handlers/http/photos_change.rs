//! `PATCH /photos/{filename}`

use http::StatusCode;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::{
    openapi::{Access, Operation},
    photos::{Edit, Library, Photo, TakenAt},
    storage::presign::Presigner,
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Detail, Flag, Member},
        path::photo_names,
        problem::Kind,
    },
};

/// Changes one of the caller's photos.
pub struct PhotosChange {
    pub auth: Auth,
    pub library: Library,
    pub presigner: Presigner,
}

crate::members! {
    struct PhotoChange {
        favourite: Option<Flag>,
        /// When the photo was taken. Null restores the photo's own time.
        taken_at: Option<NewTime>,
    }
}

/// A time, or null for the photo's own.
#[derive(PartialEq)]
struct NewTime(Option<TakenAt>);

impl Member for NewTime {
    fn from_json(value: Value) -> Result<Self, Detail> {
        match &value {
            Value::Null => Some(Self(None)),
            Value::String(text) => TakenAt::parse(text).map(|time| Self(Some(time))),
            _ => None,
        }
        .ok_or_else(|| {
            "must be null or a time such as 2026-11-21T14:30:00, with milliseconds and an offset if they are known"
                .into()
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "null"],
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d\d\d)?([+-]\d\d:\d\d)?$",
        })
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("PATCH /photos/{filename}", "changePhoto", "Photos", Access::Token, "Change a photo")
            .filename()
            .json_body::<PhotoChange>()
            .json::<Photo>(200, "The changed photo")
            .problems(&[Kind::NO_SUCH_PHOTO]),
    ]
}

impl Route for PhotosChange {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let PhotoChange { favourite, taken_at } = members::read_json(&request)?;
        let edit = Edit::Set {
            favourite: favourite.map(|Flag(favourite)| favourite),
            taken_at: taken_at.map(|NewTime(time)| time),
        };
        for name in photo_names(&request) {
            if let Some(record) = self.library.edit(user.key(), &name, &edit).await? {
                return json(StatusCode::OK, &self.library.show_one(user.key(), record, &self.presigner).await?);
            }
        }
        Err(Problem::no_such_photo())
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;
    use crate::web::problem::tests::invalid_members;

    fn read(body: &str) -> Result<(Option<bool>, Option<String>), Problem> {
        let PhotoChange { favourite, taken_at } = members::read_json(&Request::new(Body::from(body)))?;
        let time = |NewTime(time): NewTime| time.map_or_else(|| "null".to_owned(), |time| time.to_string());
        Ok((favourite.map(|Flag(favourite)| favourite), taken_at.map(time)))
    }

    #[test]
    fn an_absent_time_stays_and_null_clears_it() {
        assert_eq!(read("{}").unwrap(), (None, None));
        let cleared = read("{\"taken_at\": null, \"favourite\": false}").unwrap();
        assert_eq!(cleared, (Some(false), Some("null".to_owned())));
        let time = "2026-11-21T14:30:00.500-03:30";
        let body = format!("{{\"taken_at\": \"{time}\", \"favourite\": true}}");
        assert_eq!(read(&body).unwrap(), (Some(true), Some(time.to_owned())));
    }

    #[test]
    fn every_wrong_member_is_reported() {
        for wrong in ["null", "\"true\"", "1", "[]"] {
            let problem = read(&format!("{{\"favourite\": {wrong}}}")).unwrap_err();
            assert_eq!(invalid_members(&problem).len(), 1, "{wrong}");
        }
        for wrong in ["7", "\"\"", "\"2026-11-21\"", "\"2026-11-21T14:30:00Z\"", "\"2026-02-30T00:00:00\"", "{}"] {
            let problem = read(&format!("{{\"favourite\": null, \"size\": 1, \"taken_at\": {wrong}}}")).unwrap_err();
            assert_eq!(invalid_members(&problem).len(), 3, "{wrong}");
        }
    }
}
