//! Bodies that are checked by a JSON Schema, so that every wrong member is named at once.

use jsonschema::{
    ErrorIterator, JsonType, ValidationError,
    error::{TypeKind, ValidationErrorKind},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{
    Problem, Request, body_bytes,
    members::{json_object, not_an_object},
    problem::InvalidMember,
};

/// What in a body does not fit a schema (JSON Schema 2020-12): what [`jsonschema::validator`] makes of the schema's
/// file when this is built, so that a start does not compile it, and a wrong schema does not get as far as a start.
pub type Check = for<'a> fn(&'a Value) -> ErrorIterator<'a>;

/// Reads members that fit a schema. `T` must take whatever fits.
///
/// # Errors
/// 422 that names every member that does not fit.
pub fn read<T: DeserializeOwned>(check: Check, members: Map<String, Value>) -> Result<T, Problem> {
    let body = Value::Object(members);
    let wrong: Vec<InvalidMember> = check(&body).flat_map(|error| invalid_members(&error)).collect();
    if !wrong.is_empty() {
        return Err(Problem::invalid(&wrong));
    }
    serde_json::from_value(body).map_err(Problem::internal)
}

/// The members of a body that is a JSON object, whatever its `Content-Type` says.
///
/// # Errors
/// 400 when it is none.
pub fn members(request: &Request) -> Result<Map<String, Value>, Problem> {
    let body = body_bytes(request);
    json_object(body).ok_or_else(|| not_an_object(body))
}

fn invalid_members(error: &ValidationError<'_>) -> Vec<InvalidMember> {
    let at = error.instance_path().as_str();
    let member = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
    match error.kind() {
        ValidationErrorKind::Required { property: Value::String(name) } => {
            vec![InvalidMember::new(member(name), "is required")]
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            unexpected.iter().map(|name| InvalidMember::new(member(name), "is unknown; remove it")).collect()
        }
        kind => vec![InvalidMember::new(at, detail(kind))],
    }
}

/// What to do about it. The crate's own words repeat the value, and are made for those who know the schema.
fn detail(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind: TypeKind::Single(kind) } => format!("must be {}", name_of(*kind)),
        ValidationErrorKind::Type { kind: TypeKind::Multiple(kinds) } => {
            let names: Vec<_> = kinds.iter().map(name_of).collect();
            format!("must be {}", names.join(" or "))
        }
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty or blank".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<_> = options.as_array().into_iter().flatten().map(ToString::to_string).collect();
            format!("must be {}", options.join(" or "))
        }
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} items"),
        kind => format!("breaks the rule `{}` of the schema", kind.keyword()),
    }
}

const fn name_of(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "an array",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "a string",
    }
}
