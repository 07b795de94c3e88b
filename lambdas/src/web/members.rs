//! Reads the members of a request from a JSON body, a form or the query string.
//!
//! [`members!`](crate::members) declares a request's type once. The code that reads it and its schema in
//! `docs/openapi.json` are both made from that declaration.

use std::{borrow::Cow, fmt};

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Problem, Request, body_bytes, media_type, problem::InvalidMember};
use crate::money::whole_number;

/// Tells a client how to correct a value: "must be a string".
pub type Detail = Cow<'static, str>;

/// A type that a member can have.
pub trait Member: Sized {
    /// Reads the value of a JSON member.
    ///
    /// # Errors
    /// If the value has the wrong type or breaks a rule.
    fn from_json(value: Value) -> Result<Self, Detail>;

    /// Reads the value of a form field or a query parameter, both of which are always text.
    ///
    /// # Errors
    /// If the value breaks a rule.
    fn from_text(text: String) -> Result<Self, Detail> {
        Self::from_json(Value::String(text))
    }

    /// The value of a member that was not sent. `None` makes the member required.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// All members of a request. [`members!`](crate::members) implements it.
pub trait Members: Sized {
    const NAMES: &'static [&'static str];

    /// Takes every member from the inputs. If one is invalid, returns `None` and leaves the errors in the inputs.
    fn take(inputs: &mut Inputs) -> Option<Self>;

    /// The schema of an object with these members and no others.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// Declares a struct whose fields are the members of a request. The type of each field implements [`Member`]. The doc
/// comments become descriptions in the OpenAPI document.
#[macro_export]
macro_rules! members {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $($(#[doc = $doc:literal])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        $visibility struct $name {
            $($(#[doc = $doc])* $visibility $field: $type,)*
        }

        impl $crate::web::members::Members for $name {
            const NAMES: &'static [&'static str] = &[$($crate::web::members::name(stringify!($field))),*];

            fn take(inputs: &mut $crate::web::members::Inputs) -> Option<Self> {
                $(let $field = inputs.take($crate::web::members::name(stringify!($field)));)*
                Some(Self { $($field: $field?),* })
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let members = [$(
                    $crate::web::members::describe::<$type>(
                        $crate::web::members::name(stringify!($field)), concat!($($doc),*), generator,
                    )
                ),*];
                $crate::web::members::object_schema(members)
            }
        }
    };
}

/// The name of a field, without the `r#` of one that is named like a keyword.
#[must_use]
pub const fn name(field: &'static str) -> &'static str {
    match field.as_bytes() {
        [b'r', b'#', name @ ..] => match str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => field,
        },
        _ => field,
    }
}

/// A member's name and schema, and whether it is required.
#[must_use]
pub fn describe<T: Member>(
    name: &'static str,
    doc: &str,
    generator: &mut SchemaGenerator,
) -> (&'static str, Schema, bool) {
    let mut schema = T::schema(generator);
    if !doc.is_empty() {
        schema.insert("description".to_owned(), doc.trim().into());
    }
    (name, schema, T::absent().is_none())
}

/// The schema of an object that has these members and no others.
#[must_use]
pub fn object_schema(members: impl IntoIterator<Item = (&'static str, Schema, bool)>) -> Schema {
    let mut required = Vec::new();
    let mut properties = Map::new();
    for (name, schema, is_required) in members {
        properties.insert(name.to_owned(), schema.to_value());
        if is_required {
            required.push(name);
        }
    }
    json_schema!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

/// Reads a body that is a JSON object, whatever its `Content-Type` says, or a form. Ignores the query string: these
/// members may be secrets, and URLs are logged.
///
/// # Errors
/// 400 if the body is neither, or if a member occurs twice with different values. 422, with a list of every member that
/// is missing, invalid or unknown. Unknown form fields are ignored.
pub fn read_body<T: Members>(request: &Request) -> Result<T, Problem> {
    let body = body_bytes(request);
    let mut inputs = Inputs::new::<T>();
    match serde_json::from_slice(body) {
        Ok(JsonMembers(members)) => inputs.add_json(members),
        Err(_) if media_type(request) == FORM && !is_blank(body) => inputs.add_text(body),
        Err(_) => return Err(not_an_object(body)),
    }
    inputs.finish()
}

/// Reads a body that is a JSON object, whatever its `Content-Type` says.
///
/// # Errors
/// Those of [`read_body`].
pub fn read_json<T: Members>(request: &Request) -> Result<T, Problem> {
    let body = body_bytes(request);
    let mut inputs = Inputs::new::<T>();
    let JsonMembers(members) = serde_json::from_slice(body).map_err(|_| not_an_object(body))?;
    inputs.add_json(members);
    inputs.finish()
}

/// Reads parameters from the query string and from the body, which may be empty, a JSON object or a form.
///
/// # Errors
/// 400 if the body cannot be read, or if a parameter is missing, empty, of the wrong type, or occurs twice with
/// different values. 422 if a JSON body has unknown members. Unknown query parameters and form fields are ignored.
pub fn read_parameters<T: Members>(request: &Request) -> Result<T, Problem> {
    let body = body_bytes(request);
    let mut inputs = Inputs::new::<T>();
    inputs.add_text(request.uri().query().unwrap_or_default().as_bytes());
    match serde_json::from_slice(body) {
        _ if is_blank(body) => {}
        Ok(JsonMembers(members)) => inputs.add_json(members),
        Err(_) if looks_like_json(body) || media_type(request) == "application/json" => {
            return Err(not_an_object(body));
        }
        Err(_) => inputs.add_text(body),
    }
    inputs.finish_parameters()
}

/// Reads parameters from the query string alone.
///
/// # Errors
/// 400 as for [`read_parameters`].
pub fn read_query<T: Members>(request: &Request) -> Result<T, Problem> {
    let mut inputs = Inputs::new::<T>();
    inputs.add_text(request.uri().query().unwrap_or_default().as_bytes());
    inputs.finish_parameters()
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The members that a request contains, and the errors found in them so far.
pub struct Inputs {
    names: &'static [&'static str],
    given: Vec<(String, Input)>,
    unknown: Vec<InvalidMember>,
    wrong: Vec<InvalidMember>,
    conflicting: Option<&'static str>,
}

enum Input {
    Json(Value),
    Text(String),
}

impl Inputs {
    fn new<T: Members>() -> Self {
        Self { names: T::NAMES, given: Vec::new(), unknown: Vec::new(), wrong: Vec::new(), conflicting: None }
    }

    fn add_json(&mut self, members: Vec<(String, Value)>) {
        for (name, value) in members {
            if self.names.contains(&name.as_str()) {
                self.given.push((name, Input::Json(value)));
            } else {
                self.unknown.push(InvalidMember::unknown(&name));
            }
        }
    }

    fn add_text(&mut self, encoded: &[u8]) {
        for (name, value) in form_urlencoded::parse(encoded) {
            if self.names.contains(&name.as_ref()) {
                self.given.push((name.into_owned(), Input::Text(value.into_owned())));
            }
        }
    }

    /// Takes the value of a member. Collects errors, so that one response can list all of them.
    pub fn take<T: Member + PartialEq>(&mut self, name: &'static str) -> Option<T> {
        let (inputs, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.given).into_iter().partition(|(given, _)| given == name);
        self.given = others;
        let mut taken = None;
        for (_, input) in inputs {
            let read = match input {
                Input::Json(value) => T::from_json(value),
                Input::Text(text) => T::from_text(text),
            };
            match read {
                Ok(value) => {
                    if taken.as_ref().is_some_and(|taken| *taken != value) {
                        self.conflicting = Some(name);
                    }
                    taken = Some(value);
                }
                Err(detail) => {
                    self.wrong.push(InvalidMember::new(format!("/{name}"), detail));
                    return None;
                }
            }
        }
        let taken = taken.or_else(T::absent);
        if taken.is_none() {
            self.wrong.push(InvalidMember::new(format!("/{name}"), "is required"));
        }
        taken
    }

    fn finish<T: Members>(mut self) -> Result<T, Problem> {
        let members = T::take(&mut self);
        if let Some(name) = self.conflicting {
            return Err(conflict(name));
        }
        self.wrong.append(&mut self.unknown);
        members.filter(|_| self.wrong.is_empty()).ok_or_else(|| Problem::invalid(&self.wrong))
    }

    fn finish_parameters<T: Members>(mut self) -> Result<T, Problem> {
        let members = T::take(&mut self);
        if let Some(name) = self.conflicting {
            return Err(conflict(name));
        }
        if let Some(wrong) = self.wrong.first() {
            let name = wrong.pointer.trim_start_matches('/');
            return Err(Problem::bad_request(format!("The parameter `{name}` {}.", wrong.detail)));
        }
        members.filter(|_| self.unknown.is_empty()).ok_or_else(|| Problem::invalid(&self.unknown))
    }
}

fn conflict(name: &str) -> Problem {
    Problem::bad_request(format!("The parameter `{name}` occurs twice with different values. Send it once."))
}

/// The body as a JSON object, if it is one.
pub(super) fn json_object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

pub(super) fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// The problem for a body that should be a JSON object.
pub(super) fn not_an_object(body: &[u8]) -> Problem {
    if is_blank(body) {
        Problem::bad_request("The body is empty. Send a JSON object.")
    } else {
        Problem::bad_request("The body is not a JSON object. Send one.")
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// A non-empty string.
impl Member for String {
    fn from_json(value: Value) -> Result<Self, Detail> {
        match value {
            Value::String(text) if text.is_empty() => Err("must not be empty".into()),
            Value::String(text) => Ok(text),
            _ => Err("must be a string".into()),
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "minLength": 1})
    }
}

/// `true` or `false`; in a form or a query, as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Member for Flag {
    fn from_json(value: Value) -> Result<Self, Detail> {
        value.as_bool().map(Self).ok_or_else(|| "must be true or false".into())
    }

    fn from_text(text: String) -> Result<Self, Detail> {
        text.parse().map(Self).map_err(|_| "must be true or false".into())
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "boolean"})
    }
}

/// An optional member. It may be absent but not null.
impl<T: Member> Member for Option<T> {
    fn from_json(value: Value) -> Result<Self, Detail> {
        T::from_json(value).map(Some)
    }

    fn from_text(text: String) -> Result<Self, Detail> {
        T::from_text(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        T::schema(generator)
    }
}

/// The maximum number of items on a page: 1 to `MAX`, `DEFAULT` if absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<const DEFAULT: u16, const MAX: u16>(u16);

impl<const DEFAULT: u16, const MAX: u16> Limit<DEFAULT, MAX> {
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    fn new(number: u64) -> Result<Self, Detail> {
        match u16::try_from(number) {
            Ok(number) if (1..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(Self::rule()),
        }
    }

    fn rule() -> Detail {
        format!("must be a whole number from 1 to {MAX}").into()
    }
}

impl<const DEFAULT: u16, const MAX: u16> Member for Limit<DEFAULT, MAX> {
    fn from_json(value: Value) -> Result<Self, Detail> {
        Self::new(whole_number(value).map_err(|_| Self::rule())?)
    }

    fn from_text(text: String) -> Result<Self, Detail> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        Self::new(text.parse().ok().filter(|_| digits).ok_or_else(Self::rule)?)
    }

    fn absent() -> Option<Self> {
        Some(Self(DEFAULT))
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": MAX, "default": DEFAULT})
    }
}

/// The members of a JSON object in order, including duplicates.
struct JsonMembers(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for JsonMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = JsonMembers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonMembers, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(JsonMembers(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use http::Request as HttpRequest;
    use lambda_http::Body;
    use serde_json::json;

    use super::*;
    use crate::web::problem::{Kind, tests::invalid_members};

    members! {
        #[derive(Debug, PartialEq)]
        struct Page {
            /// How many.
            limit: Limit<100, 1000>,
            cursor: Option<String>,
        }
    }

    members! {
        #[derive(Debug, PartialEq)]
        struct Credentials {
            username: String,
            password: String,
        }
    }

    fn request(uri: &str, content_type: &str, body: &str) -> Request {
        HttpRequest::builder().uri(uri).header("content-type", content_type).body(Body::from(body)).unwrap()
    }

    #[test]
    fn parameters_may_be_json_a_form_or_a_query() {
        for request in [
            request("/list?limit=7", "", ""),
            request("/list", FORM, "limit=7"),
            request("/list", FORM, "{\"limit\": 7}"),
            request("/list", "application/json", "{\"limit\": 7.0}"),
            request("/list?limit=7", "text/plain", "{\"limit\": 7, \"limit\": 7}"),
            request("/list?limit=7&unknown=&unknown=1", FORM, "unknown=x"),
        ] {
            let page: Page = read_parameters(&request).unwrap();
            assert_eq!((page.limit.get(), page.cursor), (7, None));
        }
        let page: Page = read_query(&request("/list", "", "")).unwrap();
        assert_eq!(page.limit.get(), 100);
    }

    #[test]
    fn a_wrong_parameter_is_a_bad_request() {
        for request in [
            request("/list?limit=7&limit=8", "", ""),
            request("/list?limit=7", FORM, "limit=8"),
            request("/list", "", "{\"limit\": 7, \"limit\": 8}"),
            request("/list", "application/json", "limit=7"),
            request("/list", "", "[7]"),
            request("/list", "", "{\"limit\": 7"),
            request("/list", "", "{\"limit\": [7]}"),
            request("/list", "", "{\"limit\": \"7\"}"),
            request("/list", "", "{\"limit\": null}"),
            request("/list", "", "{\"cursor\": 7, \"unknown\": 1}"),
            request("/list", "", "{\"cursor\": null}"),
            request("/list?limit=", "", ""),
            request("/list?cursor=", "", ""),
            request("/list?cursor", "", ""),
            request("/list", FORM, "cursor="),
        ] {
            assert_eq!(read_parameters::<Page>(&request).unwrap_err().kind(), &Kind::BAD_REQUEST, "{request:?}");
        }
    }

    #[test]
    fn an_unknown_json_member_is_invalid() {
        let problem = read_parameters::<Page>(&request("/list", "", "{\"limt\": 7}")).unwrap_err();
        let detail = "is unknown; remove it".to_owned();
        assert_eq!(invalid_members(&problem), [("/limt".to_owned(), detail)]);
    }

    #[test]
    fn a_limit_out_of_range_is_never_clamped() {
        for limit in ["0", "1001", "-1", "1.5", "x", "%2B7", "99999999999"] {
            assert!(read_query::<Page>(&request(&format!("/list?limit={limit}"), "", "")).is_err(), "{limit}");
        }
    }

    #[test]
    fn every_invalid_member_of_a_body_is_listed() {
        let body = json!({"username": 7, "a/b~c": 1}).to_string();
        let problem = read_body::<Credentials>(&request("/login", "", &body)).unwrap_err();
        let wrong = invalid_members(&problem);
        let wrong: Vec<_> = wrong.iter().map(|(pointer, detail)| (pointer.as_str(), detail.as_str())).collect();
        assert_eq!(
            wrong,
            [("/a~1b~0c", "is unknown; remove it"), ("/password", "is required"), ("/username", "must be a string")]
        );
    }

    #[test]
    fn unknown_form_fields_and_the_query_are_ignored() {
        let form = request("/login?username=x", FORM, "username=ann&password=p&submit=Log+in");
        let expected = Credentials { username: "ann".to_owned(), password: "p".to_owned() };
        assert_eq!(read_body::<Credentials>(&form).unwrap(), expected);
        assert!(read_json::<Credentials>(&form).is_err());
    }

    #[test]
    fn the_schema_lists_required_members_and_allows_no_others() {
        let schema = Page::schema(&mut SchemaGenerator::default()).to_value();
        assert_eq!(
            schema,
            json!({
                "type": "object",
                "properties": {
                    "limit": {
                        "type": "integer", "minimum": 1, "maximum": 1000, "default": 100, "description": "How many.",
                    },
                    "cursor": {"type": "string", "minLength": 1},
                },
                "required": [],
                "additionalProperties": false,
            })
        );
    }
}
