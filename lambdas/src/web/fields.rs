//! A body with named members, checked so that every wrong one is named at once.

use serde_json::{Map, Value};

use super::{Problem, Request, body_bytes, media_type, problem::InvalidMember};

/// The members of a request's body, taken one by one.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    wrong: Vec<InvalidMember>,
}

impl Fields {
    /// Reads a body that is a JSON object, whatever its `Content-Type` says, or a form. Never the query string: these
    /// are secrets, and addresses are logged.
    ///
    /// # Errors
    /// 400 when the body is neither.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        let body = body_bytes(request);
        let members = match json_object(body) {
            Some(members) => members,
            None if media_type(request) == "application/x-www-form-urlencoded" && !is_blank(body) => {
                form_urlencoded::parse(body)
                    .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                    .collect()
            }
            None => return Err(not_an_object(body)),
        };
        Ok(Self { members, wrong: Vec::new() })
    }

    /// Reads a body that is a JSON object, whatever its `Content-Type` says.
    ///
    /// # Errors
    /// 400 when the body is none.
    pub fn read_json(request: &Request) -> Result<Self, Problem> {
        let body = body_bytes(request);
        let members = json_object(body).ok_or_else(|| not_an_object(body))?;
        Ok(Self { members, wrong: Vec::new() })
    }

    /// The text of a member that must be there and not be empty, but may be null.
    pub fn text_or_null(&mut self, name: &str) -> Option<String> {
        if self.members.get(name).is_some_and(Value::is_null) {
            return None;
        }
        Some(self.text(name))
    }

    /// The text of a member that must be there and not be empty. What is wrong with it is told by [`Fields::finish`];
    /// until then an empty text stands for it.
    pub fn text(&mut self, name: &str) -> String {
        match self.members.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => return text,
            Some(Value::String(_)) => self.refuse(name, "must not be empty"),
            None | Some(Value::Null) => self.refuse(name, "is required"),
            Some(_) => self.refuse(name, "must be a string"),
        }
        String::new()
    }

    /// The member `username`, in lower case as the pool keeps it.
    pub fn username(&mut self) -> String {
        self.text("username").to_ascii_lowercase()
    }

    /// Notes that a member breaks a rule.
    pub fn refuse(&mut self, name: &str, detail: &'static str) {
        self.wrong.push(InvalidMember::new(format!("/{name}"), detail));
    }

    /// Whether this member was refused already.
    #[must_use]
    pub fn is_refused(&self, name: &str) -> bool {
        self.wrong.iter().any(|wrong| wrong.pointer.strip_prefix('/') == Some(name))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// 422 that names every member that was refused.
    pub fn finish(self) -> Result<(), Problem> {
        if self.wrong.is_empty() { Ok(()) } else { Err(Problem::invalid(&self.wrong)) }
    }
}

/// The body as a JSON object, if it is one.
pub(super) fn json_object(body: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(body).ok()
}

pub(super) fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// What to say of a body that should be a JSON object.
pub(super) fn not_an_object(body: &[u8]) -> Problem {
    if is_blank(body) {
        Problem::bad_request("The body is empty; send a JSON object.")
    } else {
        Problem::bad_request("The body is not a JSON object.")
    }
}
