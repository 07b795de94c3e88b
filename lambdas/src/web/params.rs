//! Parameters that come as JSON, as a form or in the query string.

use std::{collections::HashMap, fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    Problem, Request, body_bytes,
    fields::{is_blank, not_an_object},
    media_type,
};

/// The parameters of a request, by name.
#[derive(Debug)]
pub struct Params(HashMap<String, String>);

impl Params {
    /// Reads the query string and the body, which may be empty.
    ///
    /// # Errors
    /// 400 when the body cannot be read, or when a parameter is there twice with different values.
    pub fn read(request: &Request) -> Result<Self, Problem> {
        let mut params = Self(HashMap::new());
        params.add_query(request)?;
        let body = body_bytes(request);
        if is_blank(body) {
            return Ok(params);
        }
        match serde_json::from_slice::<Members>(body) {
            Ok(Members(members)) => {
                for (name, value) in members {
                    match value {
                        Value::Null => {}
                        Value::String(text) => params.add(name, text)?,
                        Value::Number(number) => params.add(name, number.to_string())?,
                        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                            return Err(Problem::bad_request(format!("The parameter `{name}` has the wrong type.")));
                        }
                    }
                }
            }
            Err(_) if looks_like_json(body) || media_type(request) == "application/json" => {
                return Err(not_an_object(body));
            }
            Err(_) => {
                for (name, value) in form_urlencoded::parse(body) {
                    params.add(name.into_owned(), value.into_owned())?;
                }
            }
        }
        Ok(params)
    }

    /// Reads the query string alone.
    ///
    /// # Errors
    /// 400 when a parameter is there twice with different values.
    pub fn of_query(request: &Request) -> Result<Self, Problem> {
        let mut params = Self(HashMap::new());
        params.add_query(request)?;
        Ok(params)
    }

    fn add_query(&mut self, request: &Request) -> Result<(), Problem> {
        for (name, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            self.add(name.into_owned(), value.into_owned())?;
        }
        Ok(())
    }

    fn add(&mut self, name: String, value: String) -> Result<(), Problem> {
        if self.0.get(&name).is_some_and(|given| *given != value) {
            return Err(Problem::bad_request(format!("The parameter `{name}` is given twice, with different values.")));
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The text of a parameter; an empty one is as good as none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// The text of a parameter that must be there.
    ///
    /// # Errors
    /// 400 when it is not.
    pub fn required(&self, name: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| Problem::bad_request(format!("The parameter `{name}` is missing.")))
    }

    /// The number of items a page may have.
    ///
    /// # Errors
    /// 400 when it is no whole number from 1 to `max`.
    pub fn limit(&self, default: u16, max: u16) -> Result<u16, Problem> {
        let Some(text) = self.0.get("limit") else { return Ok(default) };
        match u16::from_str(text) {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(Problem::bad_request(format!("`limit` must be a whole number from 1 to {max}."))),
        }
    }
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// The members of a JSON object in their order, with those that are there twice.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use http::Request as HttpRequest;
    use lambda_http::Body;

    use super::*;

    fn request(uri: &str, content_type: &str, body: &str) -> Request {
        HttpRequest::builder().uri(uri).header("content-type", content_type).body(Body::from(body)).unwrap()
    }

    #[test]
    fn a_parameter_may_come_three_ways() {
        let form = "application/x-www-form-urlencoded";
        for request in [
            request("/list?limit=7", "", ""),
            request("/list", form, "limit=7"),
            request("/list", form, "{\"limit\": 7}"),
            request("/list", "application/json", "{\"limit\": \"7\"}"),
            request("/list?limit=7", "text/plain", "{\"limit\": 7, \"limit\": \"7\"}"),
        ] {
            assert_eq!(Params::read(&request).unwrap().limit(100, 1000).unwrap(), 7);
        }
    }

    #[test]
    fn two_different_values_are_refused() {
        for request in [
            request("/list?limit=7&limit=8", "", ""),
            request("/list?limit=7", "", "limit=8"),
            request("/list", "", "{\"limit\": 7, \"limit\": 8}"),
        ] {
            assert!(Params::read(&request).is_err());
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_is_refused() {
        for (content_type, body) in
            [("application/json", "limit=7"), ("", "[7]"), ("", "{\"limit\": 7"), ("", "{\"limit\": [7]}")]
        {
            assert!(Params::read(&request("/list", content_type, body)).is_err(), "{body}");
        }
    }

    #[test]
    fn a_limit_out_of_range_is_never_clamped() {
        for limit in ["0", "1001", "-1", "1.5", "x", "99999999999"] {
            let params = Params::read(&request(&format!("/list?limit={limit}"), "", "")).unwrap();
            assert!(params.limit(100, 1000).is_err(), "{limit}");
        }
    }
}
