//! Where a client keeps its refresh token: in the body of requests and responses, or in a cookie that scripts of a web
//! page cannot read. The client chooses with the header `X-Session: cookie`.
//!
//! A page of another site can send this header only if CORS allows it, and no deployment does. So a cookie never counts
//! for a request that the user did not intend (CSRF). `SameSite=Strict` has the same effect in the browser.

use http::{HeaderValue, header};

use super::{Problem, Request, Response, body_bytes, header_text, members};

/// The prefix `__Host-` binds the cookie to one host: browsers refuse it from another one, and without `Secure` (RFC
/// 6265bis, 4.1.3.2). Browsers count `http://localhost` as secure.
const NAME: &str = "__Host-session";

/// How long the pool's refresh tokens are valid (`modules/users`), in seconds.
const MAX_AGE: u32 = 30 * 24 * 60 * 60;

/// The header with which a client chooses.
pub const HEADER: &str = "X-Session";

/// The only value of [`HEADER`].
pub const COOKIE: &str = "cookie";

/// Where the refresh token of a request, and of its response, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    Body,
    Cookie,
}

crate::members! {
    pub struct RefreshToken {
        refresh_token: String,
    }
}

impl Session {
    /// What the client chose.
    ///
    /// # Errors
    /// 400 if the header has another value than `cookie`.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        match request.headers().get(HEADER).map(HeaderValue::as_bytes) {
            None => Ok(Self::Body),
            Some(value) if value == COOKIE.as_bytes() => Ok(Self::Cookie),
            Some(_) => Err(Problem::bad_request(format!("The header `{HEADER}` can only be `{COOKIE}`."))),
        }
    }

    /// The refresh token of a request. `None` if the client chose the cookie but sent none.
    ///
    /// # Errors
    /// 400 and 422 for a body without a token. The cookie is read only if there is no body.
    pub fn refresh_token(self, request: &Request) -> Result<Option<String>, Problem> {
        if self == Self::Cookie && members::is_blank(body_bytes(request)) {
            return Ok(cookie(request));
        }
        let RefreshToken { refresh_token } = members::read_body(request)?;
        Ok(Some(refresh_token))
    }
}

/// The response with the cookie that keeps this refresh token.
///
/// # Errors
/// If the token cannot be part of a header.
pub fn with_cookie(response: Response, refresh_token: &str) -> Result<Response, Problem> {
    set(response, refresh_token, MAX_AGE)
}

/// The response with the order to delete the cookie.
///
/// # Errors
/// None in practice.
pub fn without_cookie(response: Response) -> Result<Response, Problem> {
    set(response, "", 0)
}

fn set(mut response: Response, value: &str, max_age: u32) -> Result<Response, Problem> {
    let cookie = format!("{NAME}={value}; Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Strict");
    let cookie = HeaderValue::try_from(cookie).map_err(Problem::internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

fn cookie(request: &Request) -> Option<String> {
    let pairs = header_text(request, &header::COOKIE).split(';');
    let mut values = pairs.filter_map(|pair| pair.trim().strip_prefix(NAME)?.strip_prefix('='));
    values.find(|value| !value.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
    use http::StatusCode;
    use lambda_http::Body;

    use super::*;
    use crate::web::{empty, event::Event, problem::Kind};

    fn request(headers: &[(&str, &str)], body: &str) -> Request {
        let builder =
            headers.iter().fold(http::Request::builder(), |builder, (name, value)| builder.header(*name, *value));
        builder.body(Body::from(body)).unwrap()
    }

    #[test]
    fn the_cookie_counts_only_with_the_header_and_without_a_body() {
        let body = "{\"refresh_token\": \"b\"}";
        let cookie = ("cookie", "a=1; __Host-session=c; __Host-session2=d");
        let choice = ("x-session", "cookie");
        for (headers, body, expected) in [
            (&[cookie, choice][..], "", Ok(Some("c"))),
            (&[cookie, choice], " ", Ok(Some("c"))),
            (&[cookie, choice], body, Ok(Some("b"))),
            (&[cookie, choice], "{}", Err(Kind::INVALID)),
            (&[cookie], body, Ok(Some("b"))),
            (&[cookie], "", Err(Kind::BAD_REQUEST)),
            (&[choice], "", Ok(None)),
            (&[choice, ("cookie", "__Host-session=")], "", Ok(None)),
            (&[choice, ("cookie", "__Host-session")], "", Ok(None)),
            (&[cookie, ("x-session", "Cookie")], "", Err(Kind::BAD_REQUEST)),
            (&[cookie, ("x-session", "")], "", Err(Kind::BAD_REQUEST)),
        ] {
            let request = request(headers, body);
            let token = Session::of(&request).and_then(|session| session.refresh_token(&request));
            let token = token.as_ref().map(Option::as_deref).map_err(Problem::kind);
            assert_eq!(token, expected.as_ref().copied(), "{headers:?} {body}");
        }
    }

    #[test]
    fn the_gateway_lists_cookies_beside_the_headers() {
        let event = serde_json::json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "",
            "headers": {"x-session": "cookie"}, "cookies": ["a=1", "__Host-session=c"], "isBase64Encoded": false,
            "requestContext": {"stage": "test", "http": {"method": "POST", "path": "/"}},
        });
        let event: Event<ApiGatewayV2httpRequest> = serde_json::from_str(&event.to_string()).unwrap();
        assert_eq!(Session::Cookie.refresh_token(&Request::from(event.into_request())).unwrap().as_deref(), Some("c"));
    }

    #[test]
    fn scripts_and_other_sites_cannot_use_the_cookie() {
        let response = with_cookie(empty(StatusCode::OK), "a.b-c_d").unwrap();
        assert_eq!(
            response.headers()[header::SET_COOKIE],
            "__Host-session=a.b-c_d; Path=/; Max-Age=2592000; Secure; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn a_token_cannot_add_a_header() {
        assert!(with_cookie(empty(StatusCode::OK), "a\r\nSet-Cookie: b").is_err());
    }
}
