//! The gateway's own check of a token, for when it is to trust issuers other than the user pool: a Lambda authorizer of
//! an HTTP API, payload version 2.0 with simple responses ("Working with AWS Lambda authorizers for HTTP APIs").

use aws_lambda_events::apigw::ApiGatewayV2CustomAuthorizerV2Request;
use layer_jwt::VerifyError;
use serde::Serialize;

use crate::web::auth::{Auth, AuthError};

/// What the gateway is told. Holds a mail address: no `Debug`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
}

/// What the gateway hands on to the function, and can write into its access log. The functions verify the token again,
/// and take nothing from here.
#[derive(Serialize)]
struct Context {
    /// The user's folder name, which is unique among all issuers.
    user: String,
    /// The alias of the issuer; none for the user pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// The verified mail address, if the token has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

/// Decides whether a request goes on to its function.
///
/// # Errors
/// When the keys of the token's issuer cannot be had. The gateway answers 500 then, for nobody knows whether the token
/// is good.
pub async fn decide(auth: &Auth, request: &ApiGatewayV2CustomAuthorizerV2Request) -> Result<Decision, AuthError> {
    match auth.caller(&request.headers).await {
        Ok(user) => {
            let context = Context {
                user: user.key().as_str().to_owned(),
                issuer: user.issuer_alias().map(str::to_owned),
                email: user.email().map(str::to_owned),
            };
            Ok(Decision { is_authorized: true, context: Some(context) })
        }
        Err(error @ AuthError::Token(VerifyError::Unavailable { .. })) => {
            tracing::error!(%error, "the token cannot be checked");
            Err(error)
        }
        Err(refusal) => {
            tracing::info!(reason = %refusal, "refused");
            Ok(Decision { is_authorized: false, context: None })
        }
    }
}
