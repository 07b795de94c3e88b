//! `GET /photos`

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;

use crate::{
    openapi::{Access, Operation},
    photos::{Library, Photo, PhotoType, Position, Selection, TakenAt},
    storage::presign::Presigner,
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Detail, Flag, Limit, Member},
    },
};

const DEFAULT_LIMIT: u16 = 100;
const MAX_LIMIT: u16 = 500;

/// Lists the caller's photos by the time at which they were taken.
pub struct PhotosList {
    pub auth: Auth,
    pub library: Library,
    pub presigner: Presigner,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Photos")]
struct Listed {
    photos: Vec<Photo>,
    /// Send this to get the next page; null on the last page.
    cursor: Option<String>,
}

crate::members! {
    struct Parameters {
        /// Only photos that were taken at this time or later.
        from: Option<LocalTime>,
        /// Only photos that were taken before this time.
        to: Option<LocalTime>,
        /// Only photos of this type.
        r#type: Option<PhotoType>,
        /// Only photos that are favourites, or only those that are not.
        favourite: Option<Flag>,
        /// Only photos in the trash. Without it, only photos that are not.
        trash: Option<Flag>,
        order: Order,
        limit: Limit<DEFAULT_LIMIT, MAX_LIMIT>,
        /// The `cursor` of the previous page.
        cursor: Option<String>,
    }
}

/// A local date or time.
#[derive(PartialEq)]
struct LocalTime(TakenAt);

impl Member for LocalTime {
    fn from_json(value: Value) -> Result<Self, Detail> {
        value.as_str().and_then(TakenAt::parse_local).map(Self).ok_or_else(|| {
            "must be a local date or time without an offset, such as 2026-11-21 or 2026-11-21T14:30:00".into()
        })
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string", "pattern": r"^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d\d\d)?)?)?$",
        })
    }
}

impl Member for PhotoType {
    fn from_json(value: Value) -> Result<Self, Detail> {
        let names = Self::ALL.map(Self::extension).join(", ");
        value.as_str().and_then(Self::of_extension).ok_or_else(|| format!("must be one of {names}").into())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": Self::ALL.map(Self::extension)})
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Newest,
    Oldest,
}

impl Member for Order {
    fn from_json(value: Value) -> Result<Self, Detail> {
        match value.as_str() {
            Some("newest") => Ok(Self::Newest),
            Some("oldest") => Ok(Self::Oldest),
            _ => Err("must be newest or oldest".into()),
        }
    }

    fn absent() -> Option<Self> {
        Some(Self::Newest)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": ["newest", "oldest"], "default": "newest"})
    }
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /photos", "photos", "Photos", Access::Token, "List photos by the time they were taken")
            .query::<Parameters>(true)
            .json::<Listed>(200, "A page of photos"),
    ]
}

impl Route for PhotosList {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let Parameters { from, to, r#type: kind, favourite, trash, order, limit, cursor } =
            members::read_query(&request)?;
        let [from, to] = [from, to].map(|time| time.map(|LocalTime(time)| time));
        if let (Some(from), Some(to)) = (&from, &to)
            && from.sort_key() > to.sort_key()
        {
            return Err(Problem::bad_request("`from` must not be after `to`."));
        }
        let after = cursor.as_deref().map(parse_cursor).transpose()?;
        let (favourite, in_trash) = (favourite.map(|Flag(favourite)| favourite), trash == Some(Flag(true)));
        let selection = Selection { from, to, kind, favourite, in_trash, oldest_first: order == Order::Oldest };
        let (records, has_more) = self.library.select(user.key(), &selection, limit.get(), after.as_ref()).await?;
        let last = records.last().filter(|_| has_more);
        let cursor = last.map(|record| URL_SAFE_NO_PAD.encode(record.position()));
        let photos = self.library.show(user.key(), records, &self.presigner).await?;
        json(StatusCode::OK, &Listed { photos, cursor })
    }
}

/// A cursor is the position of the last photo on a page. It contains no user, so a forged cursor only reaches another
/// position in the caller's own photos.
fn parse_cursor(cursor: &str) -> Result<Position, Problem> {
    let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| Position::parse(&text)).ok_or_else(|| {
        Problem::bad_request("This `cursor` is not from GET /photos. Leave it out to start from the first page.")
    })
}
