//! The user pool against a stand-in for Cognito that gives fixed responses. It shows what the local cloud cannot:
//! limits on attempts, expired sessions, and a second factor that the pool requires.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_sdk_cognitoidentityprovider::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, http::HttpRequest, retry::RetryConfig},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpResponse,
};
use serde_json::{Value, json};

use super::{PoolError, UserPool};
use crate::web::{Problem, problem::Kind};

const SECRET: &str = "MFRGGZDFMZTWQ2LK";

/// Cognito with a list of responses. It notes each call as its name and its parameters.
#[derive(Clone, Debug, Default)]
struct Cognito {
    responses: Arc<Mutex<VecDeque<Value>>>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
}

impl HttpConnector for Cognito {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let action = request.headers().get("x-amz-target").unwrap().rsplit('.').next().unwrap().to_owned();
        let parameters = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.calls.lock().unwrap().push((action, parameters));
        let response = self.responses.lock().unwrap().pop_front().expect("one call more than responses");
        let status = if response.get("__type").is_some() { 400 } else { 200 };
        let body = response.to_string().into();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(u16::try_into(status).unwrap(), body)))
    }
}

impl Cognito {
    fn new(responses: impl IntoIterator<Item = Value>) -> Self {
        Self { responses: Arc::new(Mutex::new(responses.into_iter().collect())), calls: Arc::default() }
    }

    fn pool(&self) -> UserPool {
        let connector = SharedHttpConnector::new(self.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        UserPool { cognito: Client::from_conf(config), client_id: "client".to_owned() }
    }

    /// The calls so far, by name.
    fn called(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|(action, _)| action.clone()).collect()
    }

    fn parameters(&self, call: usize) -> Value {
        self.calls.lock().unwrap()[call].1.clone()
    }
}

fn refusal(code: &str, message: &str) -> Value {
    json!({"__type": code, "message": message})
}

fn user(factors: &[&str]) -> Value {
    json!({"Username": "ann", "UserAttributes": [], "UserMFASettingList": factors})
}

fn logged_in() -> Value {
    let result =
        json!({"IdToken": "i", "AccessToken": "a", "RefreshToken": "r", "TokenType": "Bearer", "ExpiresIn": 1});
    json!({"AuthenticationResult": result})
}

/// What the client is told.
fn told(error: PoolError) -> (u16, String) {
    let response = Problem::from(error).into_response("r");
    let lambda_http::Body::Text(body) = response.body() else { panic!("no text") };
    (response.status().as_u16(), body.clone())
}

/// The ways in which Cognito refuses a code or a session.
fn refused_codes() -> Vec<Value> {
    vec![
        refusal("CodeMismatchException", "Invalid code received for user"),
        refusal("ExpiredCodeException", "Your software token has already been used once."),
        refusal("NotAuthorizedException", "Invalid session for the user, session is expired."),
        refusal("InvalidParameterException", "1 validation error detected"),
        refusal("EnableSoftwareTokenMFAException", "Code mismatch"),
        refusal("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool."),
        refusal("UserNotFoundException", "User does not exist."),
    ]
}

/// The ways in which Cognito limits attempts.
fn limits() -> Vec<Value> {
    vec![
        refusal("TooManyRequestsException", "Rate exceeded"),
        refusal("LimitExceededException", "Attempt limit exceeded, please try after some time."),
        refusal("TooManyFailedAttemptsException", "Too many failed attempts"),
    ]
}

#[tokio::test]
async fn a_wrong_code_and_an_expired_session_get_the_same_words() {
    for response in refused_codes() {
        let pool = Cognito::new([response.clone(), response.clone()]).pool();
        let finished = pool.log_in_with_code("pool", "ann", "session", "123456").await;
        let set_up = pool.set_up_mfa("pool", "ann", "session", "123456").await;
        let expected = told(PoolError::WrongSecondFactor);
        assert_eq!(expected.0, 401);
        assert_eq!(told(finished.err().unwrap()), expected, "{response}");
        assert_eq!(told(set_up.err().unwrap()), expected, "{response}");
    }
}

#[tokio::test]
async fn a_limit_on_attempts_is_a_429_on_every_route_that_takes_a_code_or_a_password() {
    let locked = refusal("NotAuthorizedException", "Password attempts exceeded");
    for response in limits().into_iter().chain([locked]) {
        let pool = Cognito::new([response.clone(), response.clone(), response.clone()]).pool();
        for error in [
            pool.log_in("pool", "ann", "password").await.err(),
            pool.log_in_with_code("pool", "ann", "session", "123456").await.err(),
            pool.set_up_mfa("pool", "ann", "session", "123456").await.err(),
        ] {
            assert_eq!(told(error.unwrap()).0, 429, "{response}");
        }
    }
    for response in limits() {
        let active = user(&["SOFTWARE_TOKEN_MFA"]);
        let pool = Cognito::new([response.clone(), active, response.clone(), response.clone()]).pool();
        for error in [
            pool.confirm_mfa("token", "123456").await.err(),
            pool.end_mfa("token", "123456", false).await.err(),
            pool.log_out("token").await.err(),
        ] {
            assert_eq!(told(error.unwrap()).0, 429, "{response}");
        }
    }
}

#[tokio::test]
async fn a_log_in_with_a_second_factor_takes_two_steps() {
    let challenge = json!({"ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "first"});
    let cognito = Cognito::new([challenge, logged_in()]);
    let error = cognito.pool().log_in("pool", "ann", "password").await.err().unwrap();
    let PoolError::MfaRequired { session } = error else { panic!("{error:?}") };
    assert_eq!(session, "first");
    let tokens = cognito.pool().log_in_with_code("pool", "ann", &session, "123456").await.unwrap();
    assert_eq!(tokens.refresh.as_deref(), Some("r"));
    let expected = json!({
        "UserPoolId": "pool", "ClientId": "client", "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "first",
        "ChallengeResponses": {"USERNAME": "ann", "SOFTWARE_TOKEN_MFA_CODE": "123456"},
    });
    assert_eq!(cognito.parameters(1), expected);
}

#[tokio::test]
async fn a_mandatory_second_factor_is_set_up_while_logging_in() {
    let cognito = Cognito::new([
        json!({"ChallengeName": "MFA_SETUP", "Session": "first"}),
        json!({"SecretCode": SECRET, "Session": "second"}),
        json!({"Status": "SUCCESS", "Session": "third"}),
        logged_in(),
    ]);
    let error = cognito.pool().log_in("pool", "ann@example.org", "password").await.err().unwrap();
    let PoolError::MfaSetupDue { session, enrolment } = error else { panic!("{error:?}") };
    assert_eq!((session.as_str(), enrolment.secret.as_str()), ("second", SECRET));
    let uri = format!("otpauth://totp/yourplace:ann%40example%2Eorg?secret={SECRET}&issuer=yourplace");
    assert_eq!(enrolment.uri, uri);
    cognito.pool().set_up_mfa("pool", "ann@example.org", &session, "123456").await.unwrap();
    assert_eq!(
        cognito.called(),
        ["AdminInitiateAuth", "AssociateSoftwareToken", "VerifySoftwareToken", "AdminRespondToAuthChallenge"]
    );
    assert_eq!(cognito.parameters(1), json!({"Session": "first"}));
    assert_eq!(cognito.parameters(2), json!({"Session": "second", "UserCode": "123456"}));
    assert_eq!(cognito.parameters(3)["Session"], "third");
    assert_eq!(cognito.parameters(3)["ChallengeName"], "MFA_SETUP");
}

#[tokio::test]
async fn the_pool_may_demand_another_step_after_any_step() {
    for (challenge, kind) in [
        ("SOFTWARE_TOKEN_MFA", Kind::MFA_REQUIRED),
        ("NEW_PASSWORD_REQUIRED", Kind::NEW_PASSWORD_DUE),
        ("SMS_MFA", Kind::UNSUPPORTED_CHALLENGE),
    ] {
        let response = json!({"ChallengeName": challenge, "Session": "s"});
        let pool = Cognito::new([response.clone(), response.clone(), response]).pool();
        for error in [
            pool.log_in("pool", "ann", "password").await.err(),
            pool.new_password("pool", "ann", "session", "password").await.err(),
            pool.log_in_with_code("pool", "ann", "session", "123456").await.err(),
        ] {
            assert_eq!(*Problem::from(error.unwrap()).kind(), kind);
        }
    }
}

#[tokio::test]
async fn only_a_correct_code_changes_the_second_factor() {
    let wrong = [
        json!({"Status": "ERROR"}),
        refusal("EnableSoftwareTokenMFAException", "Code mismatch"),
        refusal("CodeMismatchException", "Invalid code received for user"),
        refusal("ExpiredCodeException", "Your software token has already been used once."),
        refusal("InvalidParameterException", "Value at 'userCode' failed to satisfy constraint"),
    ];
    for response in wrong {
        let cognito = Cognito::new([response.clone(), user(&["SOFTWARE_TOKEN_MFA"]), response.clone()]);
        let pool = cognito.pool();
        for error in [pool.confirm_mfa("token", "x").await.err(), pool.end_mfa("token", "x", false).await.err()] {
            assert_eq!(told(error.unwrap()).0, 422, "{response}");
        }
        assert_eq!(cognito.called(), ["VerifySoftwareToken", "GetUser", "VerifySoftwareToken"], "{response}");
    }
    let correct = json!({"Status": "SUCCESS"});
    let cognito =
        Cognito::new([correct.clone(), json!({}), user(&["SMS_MFA", "SOFTWARE_TOKEN_MFA"]), correct, json!({})]);
    cognito.pool().confirm_mfa("token", "123456").await.unwrap();
    cognito.pool().end_mfa("token", "123456", false).await.unwrap();
    let preference = |active: bool| {
        let settings = json!({"Enabled": active, "PreferredMfa": active});
        json!({"AccessToken": "token", "SoftwareTokenMfaSettings": settings})
    };
    assert_eq!(cognito.parameters(1), preference(true));
    assert_eq!(cognito.parameters(4), preference(false));
}

#[tokio::test]
async fn a_second_factor_is_started_once_and_ended_once() {
    let cognito = Cognito::new([user(&["SOFTWARE_TOKEN_MFA"]), user(&["SMS_MFA"])]);
    let started = cognito.pool().start_mfa("ann", "token").await;
    assert!(matches!(started, Err(PoolError::MfaActive)));
    let ended = cognito.pool().end_mfa("token", "123456", false).await;
    assert!(matches!(ended, Err(PoolError::MfaNotActive)));
    assert_eq!(cognito.called(), ["GetUser", "GetUser"]);
}

#[tokio::test]
async fn nobody_can_end_a_mandatory_second_factor() {
    let ended = Cognito::new([]).pool().end_mfa("token", "123456", true).await;
    assert_eq!(told(ended.unwrap_err()).0, 403);
}

#[tokio::test]
async fn a_revoked_access_token_is_a_401() {
    for code in ["NotAuthorizedException", "UserNotFoundException"] {
        let response = refusal(code, "Access Token has been revoked");
        let pool = Cognito::new([response.clone(), response.clone(), response]).pool();
        for error in [
            pool.start_mfa("ann", "token").await.err(),
            pool.confirm_mfa("token", "123456").await.err(),
            pool.end_mfa("token", "123456", false).await.err(),
        ] {
            assert_eq!(*Problem::from(error.unwrap()).kind(), Kind::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn logging_out_with_an_invalid_token_is_no_error() {
    for code in [
        "UnauthorizedException",
        "NotAuthorizedException",
        "UnsupportedTokenTypeException",
        "InvalidParameterException",
    ] {
        Cognito::new([refusal(code, "")]).pool().log_out("token").await.unwrap();
    }
    let cognito = Cognito::new([json!({}), refusal("UnsupportedOperationException", "Revocation is disabled")]);
    cognito.pool().log_out("token").await.unwrap();
    assert_eq!(cognito.parameters(0), json!({"ClientId": "client", "Token": "token"}));
    assert_eq!(told(cognito.pool().log_out("token").await.unwrap_err()).0, 500);
}
