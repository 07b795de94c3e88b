//! A Lambda authorizer for the HTTP API, which lets API Gateway accept tokens of issuers other than the user pool. It
//! uses payload version 2.0 with simple responses ("Working with AWS Lambda authorizers for HTTP APIs").

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use layer_jwt::VerifyError;
use serde::Serialize;

use crate::web::auth::{Auth, AuthError};

/// The response to API Gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
}

/// What API Gateway passes on to the function and can write to its access log. The functions ignore it and verify the
/// token again.
#[derive(Debug, Serialize)]
struct Context {
    /// The user key, which is unique across all issuers.
    user: String,
    /// The alias of the issuer; `None` for the user pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
}

/// Decides whether API Gateway passes a request on to its function.
///
/// # Errors
/// If the token cannot be checked because its issuer's keys are unavailable. API Gateway then responds with 500.
pub async fn decide(auth: &Auth, request: &ApiGatewayV2CustomAuthorizerV2Request) -> Result<Decision, AuthError> {
    match auth.caller(&request.headers).await {
        Ok(user) => {
            let context =
                Context { user: user.key().as_str().to_owned(), issuer: user.issuer_alias().map(str::to_owned) };
            Ok(Decision { is_authorized: true, context: Some(context) })
        }
        Err(error @ AuthError::Token(VerifyError::Unavailable { .. })) => {
            tracing::error!(%error, "the token cannot be checked");
            Err(error)
        }
        Err(refusal) => {
            tracing::info!(reason = %refusal, "request rejected");
            Ok(Decision { is_authorized: false, context: None })
        }
    }
}
