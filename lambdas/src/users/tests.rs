//! The user pool against a stand-in for Cognito that gives fixed responses. It shows what the local cloud cannot:
//! limits on attempts, expired sessions, and a second factor that the pool requires.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_cognitoidentityprovider::primitives::DateTime;
use aws_sdk_cognitoidentityprovider::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, http::HttpRequest, retry::RetryConfig},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpResponse,
};
use serde_json::{Value, json};
use tokio::{sync::OnceCell, time::Instant};

use super::{Caller, PoolError, Removed, UnconfirmedUsers, UserPool, Username, pool::Secret};
use crate::{
    telemetry::Chain,
    web::{Problem, problem::Kind},
};

const SECRET: &str = "MFRGGZDFMZTWQ2LK";

/// HMAC-SHA256 of `annclient` with the key `key`, computed with Python's `hmac`.
const ANNS_HASH: &str = "CAsqg1c+3UmFhQ58ZBG2Vg0S4IuW4XMNb1TNHnK1wYA=";

fn caller() -> Caller {
    Caller { address: Some("192.0.2.7".to_owned()), user_agent: Some("curl".to_owned()), path: "/login".to_owned() }
}

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

    fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Client::from_conf(config)
    }

    /// The pool, with a client whose secret is known already.
    fn pool(&self) -> UserPool {
        UserPool {
            cognito: self.client(),
            pool_id: "pool".to_owned(),
            client_id: "client".to_owned(),
            secret: OnceCell::new_with(Some(Secret("key".to_owned()))),
        }
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
        let finished = pool.log_in_with_code(&caller(), "ann", "session", "123456").await;
        let set_up = pool.set_up_mfa(&caller(), "ann", "session", "123456").await;
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
            pool.log_in(&caller(), "ann", "password").await.err(),
            pool.log_in_with_code(&caller(), "ann", "session", "123456").await.err(),
            pool.set_up_mfa(&caller(), "ann", "session", "123456").await.err(),
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
    let error = cognito.pool().log_in(&caller(), "ann", "password").await.err().unwrap();
    let PoolError::MfaRequired { session } = error else { panic!("{error:?}") };
    assert_eq!(session, "first");
    let tokens = cognito.pool().log_in_with_code(&caller(), "ann", &session, "123456").await.unwrap();
    assert_eq!(tokens.refresh.as_deref(), Some("r"));
    let expected = json!({
        "UserPoolId": "pool", "ClientId": "client", "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": "first",
        "ChallengeResponses": {"USERNAME": "ann", "SOFTWARE_TOKEN_MFA_CODE": "123456", "SECRET_HASH": ANNS_HASH},
        "ContextData": {
            "IpAddress": "192.0.2.7", "ServerName": "yourplace", "ServerPath": "/login",
            "HttpHeaders": [{"headerName": "User-Agent", "headerValue": "curl"}],
        },
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
    let error = cognito.pool().log_in(&caller(), "ann@example.org", "password").await.err().unwrap();
    let PoolError::MfaSetupDue { session, enrolment } = error else { panic!("{error:?}") };
    assert_eq!((session.as_str(), enrolment.secret.as_str()), ("second", SECRET));
    let uri = format!("otpauth://totp/yourplace:ann%40example%2Eorg?secret={SECRET}&issuer=yourplace");
    assert_eq!(enrolment.uri, uri);
    cognito.pool().set_up_mfa(&caller(), "ann@example.org", &session, "123456").await.unwrap();
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
            pool.log_in(&caller(), "ann", "password").await.err(),
            pool.new_password(&caller(), "ann", "session", "password").await.err(),
            pool.log_in_with_code(&caller(), "ann", "session", "123456").await.err(),
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
    assert_eq!(cognito.parameters(0), json!({"ClientId": "client", "ClientSecret": "key", "Token": "token"}));
    assert_eq!(told(cognito.pool().log_out("token").await.unwrap_err()).0, 500);
}

// The client's secret and the caller

#[tokio::test]
async fn every_call_that_anyone_could_make_shows_the_secret_and_the_callers_address() {
    let cognito = Cognito::new(std::iter::repeat_n(json!({}), 5));
    let (pool, caller) = (cognito.pool(), caller());
    _ = pool.sign_up(&caller, &Username::parse("Ann").unwrap(), "password", "ann@example.org").await;
    pool.confirm(&caller, "ann", "1").await.unwrap();
    pool.resend(&caller, "ann").await.unwrap();
    pool.forgot_password(&caller, "ann").await.unwrap();
    pool.reset_password(&caller, "ann", "1", "password").await.unwrap();
    assert_eq!(
        cognito.called(),
        ["SignUp", "ConfirmSignUp", "ResendConfirmationCode", "ForgotPassword", "ConfirmForgotPassword"]
    );
    for call in 0..5 {
        let parameters = cognito.parameters(call);
        assert_eq!(parameters["SecretHash"], ANNS_HASH, "{parameters}");
        assert_eq!(parameters["UserContextData"], json!({"IpAddress": "192.0.2.7"}), "{parameters}");
    }
}

#[tokio::test]
async fn a_log_in_without_a_gateway_has_no_context() {
    let cognito = Cognito::new([logged_in()]);
    cognito.pool().log_in(&Caller::default(), "ann", "password").await.unwrap();
    assert_eq!(cognito.parameters(0).get("ContextData"), None);
    assert_eq!(cognito.parameters(0)["AuthParameters"]["SECRET_HASH"], ANNS_HASH);
}

#[tokio::test]
async fn the_secret_is_read_once() {
    let described = json!({"UserPoolClient": {"ClientSecret": "key"}});
    let cognito = Cognito::new([described, logged_in(), logged_in()]);
    let pool = UserPool { secret: OnceCell::new(), ..cognito.pool() };
    for _ in 0..2 {
        assert_eq!(pool.refresh("token").await.unwrap().refresh, None);
    }
    assert_eq!(cognito.called(), ["DescribeUserPoolClient", "GetTokensFromRefreshToken", "GetTokensFromRefreshToken"]);
    let expected = json!({"ClientId": "client", "ClientSecret": "key", "RefreshToken": "token"});
    assert_eq!(cognito.parameters(2), expected);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_read_again_later() {
    let slow = refusal("TooManyRequestsException", "Rate exceeded");
    let described = json!({"UserPoolClient": {"ClientSecret": "key"}});
    let cognito = Cognito::new([slow, described, logged_in()]);
    let pool = UserPool { secret: OnceCell::new(), ..cognito.pool() };
    assert_eq!(told(pool.refresh("token").await.err().unwrap()).0, 503);
    assert!(pool.refresh("token").await.is_ok());
}

// Unconfirmed users

const DAY: Duration = Duration::from_hours(24);
/// 2026-11-21, in seconds since 1970.
const NOW: i64 = 1_795_219_200;

fn listed(name: &str, status: &str, created: i64) -> Value {
    json!({"Username": name, "UserStatus": status, "UserCreateDate": created, "Enabled": true})
}

async fn remove(cognito: &Cognito, latest: Instant) -> Result<Removed, PoolError> {
    let users = UnconfirmedUsers { cognito: cognito.client(), pool_id: "pool".to_owned() };
    users.remove(7 * DAY, DateTime::from_secs(NOW), latest).await
}

fn soon() -> Instant {
    Instant::now() + DAY
}

#[tokio::test]
async fn only_old_and_unconfirmed_users_are_deleted_on_every_page() {
    let week = i64::try_from(7 * DAY.as_secs()).unwrap();
    let first = json!({"PaginationToken": "next", "Users": [
        listed("old", "UNCONFIRMED", NOW - week - 1),
        listed("new", "UNCONFIRMED", NOW - week),
        listed("confirmed", "CONFIRMED", 0),
        listed("invited", "FORCE_CHANGE_PASSWORD", 0),
        listed("reset", "RESET_REQUIRED", 0),
        {"Username": "without a date", "UserStatus": "UNCONFIRMED"},
        {"Username": "without a status", "UserCreateDate": 0},
    ]});
    let second = json!({"Users": [listed("gone", "UNCONFIRMED", 0), listed("older", "UNCONFIRMED", 0)]});
    let gone = refusal("UserNotFoundException", "User does not exist.");
    let cognito = Cognito::new([first, json!({}), second, gone, json!({})]);
    let removed = remove(&cognito, soon()).await.unwrap();
    assert_eq!(removed, Removed { users: 3, incomplete: false });
    assert_eq!(cognito.called(), ["ListUsers", "AdminDeleteUser", "ListUsers", "AdminDeleteUser", "AdminDeleteUser"]);
    assert_eq!(cognito.parameters(0)["Filter"], "cognito:user_status = \"UNCONFIRMED\"");
    assert_eq!(cognito.parameters(2)["PaginationToken"], "next");
    let names: Vec<_> = [1, 3, 4].map(|call| cognito.parameters(call)["Username"].clone()).into();
    assert_eq!(names, ["old", "gone", "older"]);
}

#[tokio::test]
async fn nobody_is_deleted_when_the_time_is_over() {
    let cognito = Cognito::new([json!({"Users": [listed("old", "UNCONFIRMED", 0)]})]);
    let removed = remove(&cognito, Instant::now()).await.unwrap();
    assert_eq!(removed, Removed { users: 0, incomplete: true });
}

// Logs

#[tokio::test]
async fn no_error_repeats_what_cognito_said() {
    let refused = refusal("InternalErrorException", "ann@example.org and a-password");
    let cognito = Cognito::new(std::iter::repeat_n(refused, 5));
    let (pool, caller) = (cognito.pool(), caller());
    for error in [
        pool.log_in(&caller, "ann", "password").await.err(),
        pool.log_in_with_code(&caller, "ann", "session", "1").await.err(),
        pool.confirm_mfa("token", "1").await.err(),
        pool.forgot_password(&caller, "ann").await.err(),
        remove(&cognito, soon()).await.err(),
    ] {
        let error = error.unwrap();
        let logged = Chain(&error).to_string();
        assert!(logged.contains("InternalErrorException"), "{logged}");
        assert!(!logged.contains("example.org") && !logged.contains("a-password"), "{logged}");
    }
}
