//! The OpenAPI document. Each route describes its operations with an [`Operation`], next to its handler; request and
//! response schemas come from the types that the handler uses.
//!
//! No function calls this code, so the linker drops it. `examples/openapi.rs` writes the document.

use std::collections::{BTreeMap, BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    handlers,
    web::{
        members::{Members, object_schema},
        problem::Kind,
        session,
    },
};

/// The version of the contract. Increase it with every change that an existing client could notice: the tests compare
/// the document with the last committed one.
const VERSION: &str = "1.6.0";

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";
const FORM: &str = "application/x-www-form-urlencoded";

/// The statuses of API Gateway's own responses: the request does not reach the function, or the function's response
/// does not reach the client ("Quotas for HTTP APIs" and "Throttle requests to your HTTP APIs", API Gateway Developer
/// Guide). With a Lambda authorizer, a missing or wrong token is a 403 instead of a 401.
const GATEWAY: &[u16] = &[413, 429, 500, 503];
const GATEWAY_AUTHORIZER: &[u16] = &[401, 403];

/// Who may call an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Public,
    /// The caller must send a token.
    Token,
}

/// One method of one route.
pub struct Operation {
    method: String,
    path: String,
    id: &'static str,
    tag: &'static str,
    access: Access,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: BTreeMap<u16, Response>,
    generator: SchemaGenerator,
}

#[derive(Default)]
struct Response {
    description: String,
    content: Map<String, Value>,
    headers: Map<String, Value>,
    links: Map<String, Value>,
    kinds: Vec<&'static Kind>,
}

/// The document that `docs/openapi.json` contains.
#[must_use]
pub fn document() -> Value {
    let mut generator = generator();
    let mut paths = Map::new();
    let mut kinds: BTreeMap<&str, &Kind> = BTreeMap::new();
    for operation in handlers::http::operations() {
        for response in operation.responses.values() {
            kinds.extend(response.kinds.iter().map(|kind| (kind.name, *kind)));
        }
        generator.definitions_mut().extend(operation.generator.definitions().clone());
        let path = paths.entry(operation.path.clone()).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(operation.method.clone(), operation.into_value());
        }
    }
    let mut schemas = generator.take_definitions(false);
    schemas.values_mut().for_each(close);
    schemas.insert("GatewayMessage".to_owned(), gateway_message());
    schemas.extend(kinds.values().map(|kind| (schema_name(kind), problem_schema(kind))));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "yourplace",
            "version": VERSION,
            "summary": "Photo storage and auctions",
            "description": "docs/api.md in the source repository explains the rules that all routes share.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "./", "description": "The stage that serves this document"}],
        "tags": [
            {"name": "Users", "description": "Sign-up, log-in, log-out and passwords. No token is needed."},
            {"name": "Photos", "description": "The caller's photos."},
            {"name": "Uploads", "description": "Large photos, uploaded in parts directly to S3."},
            {"name": "Me", "description": "The caller's record, photo index and second factor."},
            {"name": "Auctions", "description": "Auctions of all users."},
            {"name": "Documentation", "description": "This description of the API."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `jwt` of POST /login.",
                },
            },
        },
    })
}

fn generator() -> SchemaGenerator {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    settings.into_generator()
}

impl Operation {
    /// The operation of a route as the manifest writes it, such as `GET /auctions/{id}`.
    #[must_use]
    pub fn new(route: &str, id: &'static str, tag: &'static str, access: Access, summary: &'static str) -> Self {
        let (method, path) = route.split_once(' ').unwrap_or(("GET", route));
        let mut operation = Self {
            method: method.to_lowercase(),
            path: path.to_owned(),
            id,
            tag,
            access,
            summary,
            parameters: Vec::new(),
            body: None,
            responses: BTreeMap::new(),
            generator: generator(),
        };
        for status in GATEWAY {
            operation.gateway(*status);
        }
        if access == Access::Token {
            for status in GATEWAY_AUTHORIZER {
                operation.gateway(*status);
            }
            operation = operation.problems(&[Kind::UNAUTHORIZED, Kind::USER_ID_TOO_LONG, Kind::UNAVAILABLE]);
        }
        operation.problems(&[Kind::INTERNAL, Kind::BUSY])
    }

    /// The parameter `{id}` in the path.
    #[must_use]
    pub fn id(self, description: &str) -> Self {
        self.path_parameter("id", &json!({"type": "string", "format": "uuid"}), description)
    }

    /// The parameter `{filename}` in the path.
    #[must_use]
    pub fn filename(self) -> Self {
        self.path_parameter("filename", &json!({"type": "string", "minLength": 1}), "The photo's `filename`")
    }

    /// A parameter in the path that takes one of these values.
    #[must_use]
    pub fn path(mut self, name: &str, values: &[&str]) -> Self {
        self.parameters.push(json!({"name": name, "in": "path", "required": true, "schema": {"enum": values}}));
        self
    }

    /// A parameter in the path with this schema.
    #[must_use]
    pub fn path_parameter(mut self, name: &str, schema: &Value, description: &str) -> Self {
        self.parameters
            .push(json!({"name": name, "in": "path", "required": true, "schema": schema, "description": description}));
        self
    }

    /// Every member of `T` as a query parameter. `required` is false where a body may have the member instead.
    #[must_use]
    pub fn query<T: Members>(mut self, required: bool) -> Self {
        let schema = T::schema(&mut self.generator).to_value();
        let names = schema.get("required").and_then(Value::as_array);
        let is_required =
            |name: &String| required && names.is_some_and(|names| names.iter().any(|other| other == name));
        for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let mut schema = schema.clone();
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            let mut parameter = json!({"name": name, "in": "query", "required": is_required(name), "schema": schema});
            if let Some(description) = description {
                set(&mut parameter, "description", description);
            }
            self.parameters.push(parameter);
        }
        self.problems(&[Kind::BAD_REQUEST])
    }

    /// A header that the client may send.
    #[must_use]
    pub fn request_header(mut self, name: &str, description: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": false, "schema": {"type": "string"}, "description": description,
        }));
        self
    }

    /// Parameters in the query string, or in a body that may be JSON, a form or empty. No member is required in the
    /// body, because a required one may be in either place.
    #[must_use]
    pub fn parameters<T: Members>(mut self) -> Self {
        let mut json = T::schema(&mut self.generator).to_value();
        set(&mut json, "required", json!([]));
        let form = open(json.clone());
        self.body = Some(json!({"required": false, "content": {JSON: {"schema": json}, FORM: {"schema": form}}}));
        self.query::<T>(false).problems(&[Kind::INVALID])
    }

    /// A body that is JSON or a form.
    #[must_use]
    pub fn body<T: Members>(self) -> Self {
        self.form_or_json::<T>(true)
    }

    /// As [`Operation::body`]; something else in the request can replace the body.
    #[must_use]
    pub fn optional_body<T: Members>(self) -> Self {
        self.form_or_json::<T>(false)
    }

    fn form_or_json<T: Members>(mut self, required: bool) -> Self {
        let json = T::schema(&mut self.generator).to_value();
        let form = open(json.clone());
        self.body = Some(json!({"required": required, "content": {JSON: {"schema": json}, FORM: {"schema": form}}}));
        self.problems(&[Kind::BAD_REQUEST, Kind::INVALID])
    }

    /// The client can have the refresh token in a cookie. The response with this status sets or deletes the cookie.
    #[must_use]
    pub fn session(mut self, status: u16) -> Self {
        self.parameters.push(json!({
            "name": session::HEADER, "in": "header", "required": false, "schema": {"enum": [session::COOKIE]},
            "description": "Keeps the refresh token in a cookie that scripts cannot read, instead of in the bodies.",
        }));
        self.response_header(status, "Set-Cookie", false)
    }

    /// A body that is JSON.
    #[must_use]
    pub fn json_body<T: Members>(mut self) -> Self {
        let schema = T::schema(&mut self.generator).to_value();
        self.json_schema_body(&schema)
    }

    /// A JSON body that is validated with a JSON Schema. `schema` is its text.
    #[must_use]
    pub fn checked_body(self, schema: &str) -> Self {
        let mut schema: Value = serde_json::from_str(schema).unwrap_or_default();
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("$schema");
        }
        self.json_schema_body(&schema)
    }

    fn json_schema_body(mut self, schema: &Value) -> Self {
        self.body = Some(json!({"required": true, "content": {JSON: {"schema": schema}}}));
        self.problems(&[Kind::BAD_REQUEST, Kind::INVALID])
    }

    /// A file: the body itself, the part `member`, or base64 text in the JSON member `member`.
    #[must_use]
    pub fn upload(mut self, member: &'static str, description: &str) -> Self {
        let file = |schema: Value| (member, Schema::try_from(schema).unwrap_or_default(), true);
        let filename = json!({"type": ["string", "null"], "description": "The client's name for the file."});
        let filename = ("filename", Schema::try_from(filename).unwrap_or_default(), false);
        let base64 = json!({
            "type": "string", "minLength": 1, "contentEncoding": "base64",
            "description": "Standard base64, with or without padding and line breaks.",
        });
        let json = object_schema([file(base64), filename]);
        let part = json!({
            "type": "object", "required": [member],
            "properties": {member: {"type": "string", "contentMediaType": "application/octet-stream"}},
        });
        self.body = Some(json!({
            "required": true,
            "description": description,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}},
                "multipart/form-data": {"schema": part},
                JSON: {"schema": json},
            },
        }));
        self.problems(&[Kind::BAD_REQUEST, Kind::INVALID, Kind::TOO_LARGE])
            .query::<crate::web::upload::UploadQuery>(false)
    }

    /// A response with a JSON body.
    #[must_use]
    pub fn json<T: JsonSchema>(mut self, status: u16, description: &str) -> Self {
        let schema = self.generator.subschema_for::<T>();
        self.content(status, description, JSON, &schema.to_value()).response_header(status, "Cache-Control", true)
    }

    /// A response with a body of this media type.
    #[must_use]
    pub fn content(mut self, status: u16, description: &str, media_type: &str, schema: &Value) -> Self {
        let response = self.responses.entry(status).or_default();
        description.clone_into(&mut response.description);
        response.content.insert(media_type.to_owned(), json!({"schema": schema}));
        self
    }

    /// A response without a body.
    #[must_use]
    pub fn empty(mut self, status: u16, description: &str) -> Self {
        description.clone_into(&mut self.responses.entry(status).or_default().description);
        self
    }

    /// A header of the response with this status. A `required` header is always present.
    #[must_use]
    pub fn response_header(mut self, status: u16, name: &str, required: bool) -> Self {
        let schema = match name {
            "Location" => json!({"type": "string", "format": "uri"}),
            "Retry-After" => json!({"type": "integer", "minimum": 1, "description": "Seconds."}),
            _ => json!({"type": "string"}),
        };
        let header = json!({"required": required, "schema": schema});
        self.responses.entry(status).or_default().headers.insert(name.to_owned(), header);
        self
    }

    /// A `Location` header, and a link to the operation `id`. `value` is a runtime expression for its `parameter`.
    #[must_use]
    pub fn location(mut self, status: u16, id: &str, parameter: &str, value: &str) -> Self {
        self = self.response_header(status, "Location", true);
        let link = json!({"operationId": id, "parameters": {parameter: value}, "description": "The `Location`"});
        self.responses.entry(status).or_default().links.insert(id.to_owned(), link);
        self
    }

    /// Responses for problems of these kinds.
    #[must_use]
    pub fn problems(mut self, kinds: &'static [Kind]) -> Self {
        for kind in kinds {
            let response = self.responses.entry(kind.status.as_u16()).or_default();
            if !response.kinds.contains(&kind) {
                response.kinds.push(kind);
            }
        }
        self
    }

    fn gateway(&mut self, status: u16) {
        let response = self.responses.entry(status).or_default();
        response.content.insert(JSON.to_owned(), json!({"schema": reference("GatewayMessage")}));
    }

    fn into_value(self) -> Value {
        let responses: Map<String, Value> =
            self.responses.into_iter().map(|(status, response)| (status.to_string(), response.into_value())).collect();
        let mut operation = json!({
            "operationId": self.id, "tags": [self.tag], "summary": self.summary, "responses": responses,
            "security": if self.access == Access::Token { json!([{"token": []}]) } else { json!([]) },
        });
        if !self.parameters.is_empty() {
            set(&mut operation, "parameters", self.parameters.into());
        }
        if let Some(body) = self.body {
            set(&mut operation, "requestBody", body);
        }
        operation
    }
}

impl Response {
    fn into_value(mut self) -> Value {
        let references: Vec<_> = self.kinds.iter().map(|kind| reference(&schema_name(kind))).collect();
        if let [one] = references.as_slice() {
            self.content.insert(PROBLEM_JSON.to_owned(), json!({"schema": one}));
        } else if !references.is_empty() {
            self.content.insert(PROBLEM_JSON.to_owned(), json!({"schema": {"oneOf": references}}));
        }
        if self.description.is_empty() {
            let titles: BTreeSet<_> = self.kinds.iter().map(|kind| kind.title).collect();
            self.description = if titles.is_empty() {
                "Rejected by API Gateway".to_owned()
            } else {
                titles.into_iter().collect::<Vec<_>>().join(". ")
            };
        }
        for kind in &self.kinds {
            // Not required: the gateway's own responses have neither header.
            for (name, schema) in match kind.status.as_u16() {
                401 => vec![("WWW-Authenticate", json!({"type": "string"}))],
                503 => vec![("Retry-After", json!({"type": "integer", "minimum": 1, "description": "Seconds."}))],
                _ => Vec::new(),
            } {
                self.headers.insert(name.to_owned(), json!({"required": false, "schema": schema}));
            }
        }
        let mut response = json!({"description": self.description});
        for (name, value) in [("content", self.content), ("headers", self.headers), ("links", self.links)] {
            if !value.is_empty() {
                set(&mut response, name, value.into());
            }
        }
        response
    }
}

/// Sets a member of a value that is an object.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn schema_name(kind: &Kind) -> String {
    format!("Problem-{}", kind.name)
}

fn gateway_message() -> Value {
    json!({
        "description": "An error that API Gateway reports itself",
        "type": "object",
        "properties": {"message": {"type": ["string", "null"]}},
        "required": ["message"],
        "additionalProperties": false,
    })
}

fn problem_schema(kind: &Kind) -> Value {
    let mut properties = json!({
        "type": {"const": format!("urn:yourplace:problem:{}", kind.name)},
        "title": {"const": kind.title},
        "status": {"const": kind.status.as_u16()},
        "detail": {"type": "string", "minLength": 1, "description": "What the client can do about it"},
        "request_id": {"type": "string", "minLength": 1, "description": "Identifies the request in the service's log"},
    });
    for (name, schema) in extension_members(kind) {
        set(&mut properties, name, schema);
    }
    let required: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "type": "object",
        "description": kind.title,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The members that problems of this kind have in addition to those of every problem.
fn extension_members(kind: &Kind) -> Vec<(&'static str, Value)> {
    let amount = json!({"type": "integer", "minimum": 0});
    let text = json!({"type": "string", "minLength": 1});
    if *kind == Kind::INVALID {
        let error = json!({
            "type": "object",
            "properties": {
                "pointer": {"type": "string", "format": "json-pointer"},
                "detail": {"type": "string", "minLength": 1},
            },
            "required": ["pointer", "detail"],
            "additionalProperties": false,
        });
        vec![("errors", json!({"type": "array", "minItems": 1, "items": error}))]
    } else if [Kind::TOO_LARGE, Kind::TOO_MANY_ENTRIES, Kind::TOO_MANY].contains(kind) {
        vec![("limit", amount)]
    } else if *kind == Kind::QUOTA_EXCEEDED {
        let names = ["quota", "used", "reserved", "photos", "photos_used"];
        names.map(|name| (name, amount.clone())).into()
    } else if *kind == Kind::PARTS_MISSING {
        vec![("missing", json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1}}))]
    } else if *kind == Kind::NO_SUCH_PHOTOS {
        vec![("missing", json!({"type": "array", "minItems": 1, "items": {"type": "string"}}))]
    } else if [Kind::NEW_PASSWORD_DUE, Kind::MFA_REQUIRED].contains(kind) {
        vec![("session", text)]
    } else if *kind == Kind::MFA_SETUP_DUE {
        ["session", "secret", "uri"].map(|name| (name, text.clone())).into()
    } else if *kind == Kind::BID_TOO_LOW {
        vec![("highest_amount", json!({"type": ["integer", "null"], "minimum": 0})), ("minimum_amount", amount)]
    } else {
        Vec::new()
    }
}

/// The same schema, which also allows other members.
fn open(mut schema: Value) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("additionalProperties");
    }
    schema
}

/// Closes every object in a schema, because a response has no members beyond those in the document.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
