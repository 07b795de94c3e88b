//! Between Lambda and the routes: reads requests, and turns results and errors into responses.

pub mod auth;
mod compress;
pub mod etag;
pub mod event;
pub mod members;
pub mod path;
pub mod problem;
pub mod schema;
pub mod session;
pub mod upload;

use std::{convert::Infallible, sync::Arc};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use http::{HeaderValue, StatusCode, header};
use lambda_http::{Adapter, Body, Error, LambdaEvent, RequestExt as _, Service as _, service_fn};
use serde::Serialize;
use tracing::Instrument as _;

pub use lambda_http::Request;
pub use problem::Problem;

use crate::{config::ConfigError, users::Caller};
use event::Event;

pub type Response = http::Response<Body>;

/// Handles the requests of a function's routes. Its fields are all that it may use.
pub trait Route: Send + Sync + 'static {
    fn handle(&self, request: Request) -> impl Future<Output = Result<Response, Problem>> + Send;
}

/// Serves a route until Lambda ends the process. Wrong configuration ends the process at its start, with the reason in
/// the log.
///
/// # Errors
/// Errors of the Lambda runtime and of `make`.
pub async fn serve<R: Route>(make: impl FnOnce() -> Result<R, ConfigError>) -> Result<(), Error> {
    crate::telemetry::init();
    let route = Arc::new(make().inspect_err(|error| tracing::error!(%error, "cannot start"))?);
    let mut adapter = Adapter::from(service_fn(move |request: Request| {
        let route = Arc::clone(&route);
        async move { Ok::<_, Infallible>(respond(&*route, request).await) }
    }));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event<ApiGatewayV2httpRequest>>| {
        adapter.call(LambdaEvent::new(event.payload.into_request(), event.context))
    }))
    .await
}

/// The edge: handles a request, and logs its outcome once.
async fn respond<R: Route>(route: &R, request: Request) -> Response {
    let request_id = request_id(&request);
    let accepts_gzip = compress::accepts_gzip(request.headers());
    let span = tracing::info_span!("request", request_id);
    async {
        match route.handle(request).await {
            Ok(response) => {
                tracing::info!(status = response.status().as_u16(), "responded");
                compress::compress(response, accepts_gzip)
            }
            Err(problem) => {
                problem.log();
                problem.into_response(&request_id)
            }
        }
    }
    .instrument(span)
    .await
}

/// Where a request comes from. The address is that of the client that called the gateway, which it cannot choose.
pub(crate) fn caller(request: &Request) -> Caller {
    let path = request.uri().path().to_owned();
    match request.request_context_ref() {
        Some(lambda_http::request::RequestContext::ApiGatewayV2(context)) => {
            Caller { address: context.http.source_ip.clone(), user_agent: context.http.user_agent.clone(), path }
        }
        _ => Caller { path, ..Caller::default() },
    }
}

/// The gateway's id of the request, which its access log has too; without a gateway, Lambda's own.
fn request_id(request: &Request) -> String {
    let from_gateway = request.request_context_ref().and_then(|context| match context {
        lambda_http::request::RequestContext::ApiGatewayV2(context) => context.request_id.clone(),
        _ => None,
    });
    from_gateway.or_else(|| request.lambda_context_ref().map(|context| context.request_id.clone())).unwrap_or_default()
}

/// A response with a JSON body.
///
/// # Errors
/// If `body` cannot be JSON, which is a bug.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Result<Response, Problem> {
    let body = serde_json::to_string(body).map_err(Problem::internal)?;
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// A response without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// The same response with a `Location`.
///
/// # Errors
/// If `location` cannot be a header, which is a bug.
pub fn with_location(mut response: Response, location: &str) -> Result<Response, Problem> {
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(location).map_err(Problem::internal)?);
    Ok(response)
}

/// The `Content-Type` in lower case, without parameters; empty if there is none.
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
