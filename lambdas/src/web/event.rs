//! Events as API Gateway sends them. Clients choose some of their texts, and two crates do not accept every text:
//! `aws_lambda_events` fails if a header contains a control character, and `lambda_http` panics if the URL that it
//! builds from `Host` and `X-Forwarded-Proto` is not valid. Anyone could cause a 500 that way, or end a process.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use http::{HeaderName, HeaderValue, header};
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Value, value::RawValue};

/// The characters that a URL's query cannot contain unencoded
/// (<https://url.spec.whatwg.org/#query-percent-encode-set>).
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// An event without the headers that cannot be read, as if they had not been sent.
pub struct Event<T>(pub T);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Event<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        // Most events have no such header, so only the others are read twice.
        serde_json::from_str(text)
            .or_else(|_| serde_json::from_value(readable(text)?))
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// The event without the headers that cannot be read.
fn readable(text: &str) -> Result<Value, serde_json::Error> {
    let mut event: Value = serde_json::from_str(text)?;
    if let Some(headers) = event.get_mut("headers").and_then(Value::as_object_mut) {
        headers.retain(|name, value| {
            HeaderName::from_bytes(name.as_bytes()).is_ok()
                && value.as_str().is_some_and(|value| HeaderValue::from_str(value).is_ok())
        });
    }
    Ok(event)
}

impl Event<ApiGatewayV2httpRequest> {
    /// The request. Nothing in this service reads the host of its URL, so `Host` is left out. The query is encoded,
    /// because API Gateway forwards it as the client sent it.
    #[must_use]
    pub fn into_request(self) -> LambdaRequest {
        let Self(mut event) = self;
        event.headers.remove(header::HOST);
        event.request_context.domain_name = None;
        if !event.raw_path.as_ref().is_some_and(|path| path.starts_with('/')) {
            event.raw_path = Some(format!("/{}", event.raw_path.unwrap_or_default()));
        }
        event.raw_query_string = event.raw_query_string.map(|query| utf8_percent_encode(&query, QUERY).to_string());
        LambdaRequest::ApiGatewayV2(event)
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
    use serde_json::json;

    use super::*;
    use crate::web::{Request, members};

    crate::members! {
        struct Query {
            after: String,
            plus: String,
        }
    }

    fn event(path: &str, query: &str, headers: &Value) -> String {
        let context = json!({"stage": "test", "domainName": "a b", "http": {"method": "GET", "path": path}});
        json!({
            "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
            "isBase64Encoded": false, "requestContext": context,
        })
        .to_string()
    }

    fn request(event: &str) -> Request {
        serde_json::from_str::<Event<ApiGatewayV2httpRequest>>(event).unwrap().into_request().into()
    }

    #[test]
    fn an_unencoded_query_is_read_like_an_encoded_one() {
        let request = request(&event("/", "after=<\"é 1\">&plus=a+b%3C#x", &json!({})));
        let Query { after, plus } = members::read_query(&request).unwrap();
        assert_eq!((after.as_str(), plus.as_str()), ("<\"é 1\">", "a b<#x"));
    }

    #[test]
    fn no_host_and_no_forwarding_header_ends_the_process() {
        for value in ["", "a b", "<", "[", "x:99999", "@", "/", "\\", "%", "é", "::1", "a\tb", "x#y?z", "\u{1}", "😀"]
        {
            for name in ["host", "Host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-for", "forwarded"] {
                let request = request(&event("/photos", "a=1", &json!({name: value, "x-kept": "1"})));
                let (path, query) = (request.uri().path(), request.uri().query());
                assert_eq!((path, query), ("/test/photos", Some("a=1")), "{name}: {value}");
                assert_eq!(request.headers()["x-kept"], "1");
            }
        }
    }

    #[test]
    fn no_path_ends_the_process() {
        for path in ["", "/", "//", "//x:99999/", "x", ":99999", "/a b", "/é", "/%", "/`|^\\", "/\u{1}"] {
            assert!(request(&event(path, "", &json!({}))).uri().path().starts_with('/'), "{path}");
        }
    }

    #[test]
    fn a_header_that_cannot_be_read_is_as_if_it_were_not_sent() {
        for (name, value) in [("x-a", json!("a\nb")), ("x a", json!("1")), ("x-a", json!([1]))] {
            let text = event("/", "", &json!({name: value, "authorization": "t"}));
            let headers = request(&text).headers().clone();
            assert_eq!((headers.len(), headers["authorization"].as_bytes()), (1, &b"t"[..]), "{name}: {value}");
            let asked = serde_json::from_str::<Event<ApiGatewayV2CustomAuthorizerV2Request>>(&text).unwrap().0;
            assert_eq!(asked.headers, headers);
        }
    }

    #[test]
    fn a_header_that_is_not_ascii_is_kept() {
        let headers = request(&event("/", "", &json!({"x-a": "\u{e9}"}))).headers().clone();
        assert_eq!(headers["x-a"].as_bytes(), "\u{e9}".as_bytes());
    }
}
