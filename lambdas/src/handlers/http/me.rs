//! `GET /me` and `PUT /me`

use http::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;

use crate::{
    openapi::{Access, Operation},
    photos::{Amount, Library, Quota, Usage},
    storage::CloudError,
    uploads::UploadStore,
    users::{Handles, Record, Records, UserKey},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Detail, Member},
    },
};

const MAX_DISPLAY_NAME_CHARS: usize = 100;

/// Shows or changes the caller's record.
pub struct Me {
    pub auth: Auth,
    pub records: Records,
    pub handles: Handles,
    pub library: Library,
    pub uploads: UploadStore,
    pub quota: Quota,
}

// Only `display_name` and `created_at` are stored in the record. The id, user name and email address come from the
// token.
/// The caller's record.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Me")]
struct Shown<'a> {
    /// Never changes and is never reused.
    id: &'a str,
    /// The user name, or the id for a user of another issuer.
    user: &'a str,
    /// The public name, which other users see.
    handle: &'a str,
    /// The verified email address in the token; null if the token contains none.
    email: Option<&'a str>,
    /// As set by PUT /me; null by default.
    display_name: Option<&'a str>,
    #[schemars(extend("format" = "date-time"))]
    created_at: &'a str,
    /// The photos that are stored.
    images: Totals,
    quota: Limits,
}

/// The number of photos and their total size.
#[derive(Serialize, JsonSchema)]
struct Totals {
    count: u64,
    /// In bytes.
    bytes: u64,
}

/// What the user may store.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Quota")]
struct Limits {
    /// The most bytes that may be stored and reserved.
    bytes: u64,
    /// The bytes that are stored.
    used: u64,
    /// The bytes that uploads in progress have reserved.
    reserved: u64,
    /// The most photos that may be stored.
    photos: u64,
    /// The photos that are stored.
    photos_used: u64,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /me", "me", "Me", Access::Token, "Show the caller's record")
            .json::<Shown>(200, "The record"),
        Operation::new("PUT /me", "changeMe", "Me", Access::Token, "Change the caller's record")
            .json_body::<Change>()
            .json::<Shown>(200, "The changed record"),
    ]
}

impl Route for Me {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let new_name = if request.method() == Method::PUT {
            Some(members::read_json::<Change>(&request)?.display_name.0)
        } else {
            None
        };
        let record = async {
            Ok::<_, Problem>(match &new_name {
                Some(name) => self.records.rename(user.key(), name.as_deref()).await?,
                None => self.records.get(user.key()).await?,
            })
        };
        let usage = async { Ok(self.usage(user.key()).await?) };
        let handle = async { Ok(self.handles.handle(&user).await?) };
        let (record, usage, handle) = tokio::try_join!(record, usage, handle)?;
        let stored = usage.stored();
        let Record { display_name, created_at } = &record;
        let shown = Shown {
            id: user.key().as_str(),
            user: user.username(),
            handle: &handle,
            email: user.email(),
            display_name: display_name.as_deref(),
            created_at,
            images: Totals { count: stored.photos, bytes: stored.bytes },
            quota: Limits {
                bytes: self.quota.bytes,
                used: stored.bytes,
                reserved: usage.reserved.bytes,
                photos: self.quota.photos,
                photos_used: stored.photos,
            },
        };
        json(StatusCode::OK, &shown)
    }
}

impl Me {
    /// The user's usage, without what requests that died and expired uploads have reserved.
    async fn usage(&self, user: &UserKey) -> Result<Usage, CloudError> {
        let usage = self.library.usage(user).await?;
        if usage.reserved == Amount::default() {
            return Ok(usage);
        }
        self.library.release_expired(user).await?;
        self.uploads.release_expired(user).await?;
        self.library.usage(user).await
    }
}

crate::members! {
    struct Change {
        /// The user's preferred name, or null.
        display_name: DisplayName,
    }
}

#[derive(PartialEq)]
struct DisplayName(Option<String>);

impl Member for DisplayName {
    fn from_json(value: Value) -> Result<Self, Detail> {
        match value {
            Value::Null => Ok(Self(None)),
            Value::String(name) if (1..=MAX_DISPLAY_NAME_CHARS).contains(&name.chars().count()) => Ok(Self(Some(name))),
            _ => Err("must be 1 to 100 characters, or null".into()),
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "null"], "minLength": 1, "maxLength": MAX_DISPLAY_NAME_CHARS})
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    fn read(body: &str) -> Result<Option<String>, Problem> {
        members::read_json(&Request::new(Body::from(body))).map(|Change { display_name }| display_name.0)
    }

    #[test]
    fn a_display_name_has_1_to_100_characters_or_is_null() {
        assert_eq!(read("{\"display_name\": \"Ann 🐈\"}").unwrap().as_deref(), Some("Ann 🐈"));
        assert_eq!(read("{\"display_name\": null}").unwrap(), None);
        let longest = "é".repeat(100);
        assert_eq!(read(&format!("{{\"display_name\": \"{longest}\"}}")).unwrap(), Some(longest));
        for wrong in ["{}", "{\"display_name\": \"\"}", "{\"display_name\": 7}", "", "[]", "display_name=Ann"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&format!("{{\"display_name\": \"{}\"}}", "a".repeat(101))).is_err());
    }
}
