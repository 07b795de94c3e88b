//! Between Lambda and the routes: requests are read here, and answers and errors are put into the contract's form.

pub mod auth;
pub mod etag;
pub mod fields;
pub mod params;
pub mod path;
pub mod problem;
pub mod schema;
pub mod upload;

use std::{convert::Infallible, sync::Arc};

use ::http::{HeaderValue, Response, StatusCode, header};
use lambda_http::{
    Adapter, Body, Error, LambdaEvent, RequestExt as _, Service as _, request::LambdaRequest, service_fn,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use tracing::Instrument as _;

pub use lambda_http::Request;
pub use problem::Problem;

use crate::config::ConfigError;

/// What a URL's query cannot hold as it is (<https://url.spec.whatwg.org/#query-percent-encode-set>).
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// An answer.
pub type Answer = Response<Body>;

/// What a function does with a request. Its fields are all it may use.
pub trait Route: Send + Sync + 'static {
    /// Answers a request.
    fn handle(&self, request: Request) -> impl Future<Output = Result<Answer, Problem>> + Send;
}

/// Serves a route until Lambda ends the process. A route that cannot be made, for its configuration is wrong, ends the
/// process at its start, with the reason in the log.
///
/// # Errors
/// What the Lambda runtime fails with, and what `make` does.
pub async fn serve<R: Route>(make: impl FnOnce() -> Result<R, ConfigError>) -> Result<(), Error> {
    crate::telemetry::init();
    let route = Arc::new(make().inspect_err(|error| tracing::error!(%error, "cannot start"))?);
    let mut adapter = Adapter::from(service_fn(move |request: Request| {
        let route = Arc::clone(&route);
        async move { Ok::<_, Infallible>(answer(&*route, request).await) }
    }));
    lambda_runtime::run(service_fn(move |mut event: LambdaEvent<LambdaRequest>| {
        encode_query(&mut event.payload);
        adapter.call(event)
    }))
    .await
}

/// The gateway passes a query on as the client sent it, and `lambda_http` panics when that cannot be part of a URL.
fn encode_query(request: &mut LambdaRequest) {
    if let LambdaRequest::ApiGatewayV2(request) = request
        && let Some(query) = &mut request.raw_query_string
    {
        *query = utf8_percent_encode(query, QUERY).to_string();
    }
}

async fn answer<R: Route>(route: &R, request: Request) -> Answer {
    let request_id = request_id(&request);
    let span = tracing::info_span!("request", request_id);
    async {
        let answer = route.handle(request).await.unwrap_or_else(|problem| problem.into_answer(&request_id));
        tracing::info!(status = answer.status().as_u16(), "answered");
        answer
    }
    .instrument(span)
    .await
}

/// The gateway's id of the request, which is in its access log, too; Lambda's own when there was no gateway.
fn request_id(request: &Request) -> String {
    let from_gateway = request.request_context_ref().and_then(|context| match context {
        lambda_http::request::RequestContext::ApiGatewayV2(context) => context.request_id.clone(),
        _ => None,
    });
    from_gateway.or_else(|| request.lambda_context_ref().map(|context| context.request_id.clone())).unwrap_or_default()
}

/// An answer with a JSON body.
///
/// # Errors
/// When `body` cannot be JSON, which is a fault of ours.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Result<Answer, Problem> {
    let body = serde_json::to_string(body).map_err(Problem::internal)?;
    let mut answer = Response::new(Body::Text(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = status;
    answer
}

/// The same answer with a `Location`.
///
/// # Errors
/// When `location` cannot be a header, which is a fault of ours.
pub fn with_location(mut answer: Answer, location: &str) -> Result<Answer, Problem> {
    answer.headers_mut().insert(header::LOCATION, HeaderValue::from_str(location).map_err(Problem::internal)?);
    Ok(answer)
}

/// The essence of the `Content-Type`, in lower case and without parameters; empty when there is none.
fn media_type(request: &Request) -> String {
    header_text(request, &header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn header_text<'a>(request: &'a Request, name: &header::HeaderName) -> &'a str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn body_bytes(request: &Request) -> &[u8] {
    match request.body() {
        Body::Text(text) => text.as_bytes(),
        Body::Binary(bytes) => bytes,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{params::Params, *};

    #[test]
    fn a_query_that_is_not_encoded_is_read_as_if_it_were() {
        let sent = "after=<\"é 1\">&plus=a+b%3C#x";
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": sent, "headers": {},
            "isBase64Encoded": false, "requestContext": {"stage": "test", "http": {"method": "GET", "path": "/"}},
        });
        let mut request: LambdaRequest = serde_json::from_value(event).unwrap();
        encode_query(&mut request);
        let params = Params::of_query(&Request::from(request)).unwrap();
        assert_eq!((params.text("after"), params.text("plus")), (Some("<\"é 1\">"), Some("a b<#x")));
    }
}
