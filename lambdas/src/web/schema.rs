//! Validates bodies with a JSON Schema, so that one response lists every invalid member.

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

/// Returns what in a body does not match a JSON Schema (2020-12). [`jsonschema::validator`] generates this function
/// from the schema's file at build time. So a Lambda function does not compile the schema when it starts, and an
/// invalid schema does not build.
pub type Check = for<'a> fn(&'a Value) -> ErrorIterator<'a>;

/// Reads members that match a schema. `T` must accept everything that matches.
///
/// # Errors
/// 422, with a list of every member that does not match.
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
/// 400 if the body is not a JSON object.
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

/// Tells the client how to correct a member. The crate's own messages repeat the value and assume that the reader knows
/// the schema.
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
        kind => format!("must satisfy the schema's rule `{}`", kind.keyword()),
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
