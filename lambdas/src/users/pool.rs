use aws_sdk_cognitoidentityprovider::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::admin_respond_to_auth_challenge::AdminRespondToAuthChallengeError,
    types::{AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType, CodeDeliveryDetailsType},
};
use aws_types::SdkConfig;
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sha2::Sha256;
use tokio::sync::OnceCell;

use super::{Caller, Enrolment, Username};
use crate::{
    aws,
    config::{ConfigError, required},
    storage::CloudError,
    telemetry::Chain,
};

/// The Cognito user pool, used through one app client. The client has a secret, without which nobody can sign up, log
/// in or reset a password. So nobody can get past this service and the gateway's limits.
#[derive(Debug)]
pub struct UserPool {
    pub(super) cognito: Client,
    pub(super) pool_id: String,
    pub(super) client_id: String,
    pub(super) secret: OnceCell<Secret>,
}

/// The client's secret. Its `Debug` shows nothing.
pub(super) struct Secret(pub(super) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

/// Errors returned by Cognito. An unknown user and a wrong secret are the same variant, so that no response can reveal
/// whether a user exists.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    #[error("the user name is taken")]
    Taken,
    /// The password of a sign-up violates the pool's policy. Contains the pool's message.
    #[error("the password violates the policy")]
    WeakPassword(String),
    /// As [`PoolError::WeakPassword`], for a password that replaces another.
    #[error("the new password violates the policy")]
    WeakNewPassword(String),
    /// Another value of a sign-up is invalid. Contains the pool's message.
    #[error("the sign-up is invalid")]
    InvalidSignup(String),
    /// The code is wrong, the user is unknown, or there is nothing to confirm.
    #[error("the code is wrong")]
    WrongCode,
    #[error("the code has expired")]
    ExpiredCode,
    /// The password, session or refresh token is wrong, or the user is unknown.
    #[error("wrong credentials")]
    WrongCredentials,
    #[error("the user has not confirmed the sign-up")]
    NotConfirmed,
    /// An administrator requires a reset of the password.
    #[error("a password reset is required")]
    ResetRequired,
    /// The password is correct but must be replaced.
    #[error("a new password is required")]
    NewPasswordDue {
        /// Opaque, and needed to set the new password. Valid for a few minutes.
        session: String,
    },
    /// The password is correct, and a code of the second factor must follow.
    #[error("a code of the second factor is required")]
    MfaRequired {
        /// Opaque, and needed with the code. Valid for a few minutes.
        session: String,
    },
    /// The password is correct. The pool requires a second factor, and the user has none yet.
    #[error("a second factor must be set up")]
    MfaSetupDue {
        /// Opaque, and needed with the first code. Valid for a few minutes.
        session: String,
        enrolment: Enrolment,
    },
    /// The code of a log-in is wrong, or the session is wrong or has expired.
    #[error("the second factor is wrong")]
    WrongSecondFactor,
    /// The code that should start or end the second factor is wrong.
    #[error("the code of the authenticator is wrong")]
    WrongMfaCode,
    #[error("the second factor is active already")]
    MfaActive,
    #[error("the second factor is not active")]
    MfaNotActive,
    #[error("the second factor is mandatory")]
    MfaMandatory,
    /// The access token was revoked, or its user was deleted or disabled.
    #[error("Cognito refused the access token")]
    TokenRefused,
    /// The pool requires something that this service does not support, such as a code by text message.
    #[error("the pool requires {0}, which is not supported")]
    UnsupportedChallenge(String),
    #[error("too many attempts")]
    TooManyTries,
    #[error("Cognito failed")]
    Service(#[from] CloudError),
}

/// A new user.
#[derive(Serialize, JsonSchema)]
pub struct Signup {
    /// As stored, in lower case.
    pub username: String,
    /// Whether the user can log in already.
    pub confirmed: bool,
    /// Absent if no code was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Delivery")]
    pub delivery: Option<Delivery>,
}

/// Where the confirmation code was sent.
#[derive(Serialize, JsonSchema)]
pub struct Delivery {
    /// `EMAIL`
    pub medium: String,
    /// The email address, masked.
    pub destination: String,
}

/// The result of a log-in. The tokens are secret, so it has no `Debug`.
pub struct Tokens {
    /// The ID token, which contains the user name and the email address.
    pub id: String,
    pub access: String,
    /// `None` after a refresh.
    pub refresh: Option<String>,
    /// `Bearer`.
    pub kind: String,
    /// In seconds.
    pub expires_in: i32,
}

impl Tokens {
    /// The user name in the ID token. The token comes directly from the pool, so it is not verified.
    #[must_use]
    pub fn username(&self) -> Option<String> {
        let payload = URL_SAFE_NO_PAD.decode(self.id.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        claims.get("cognito:username")?.as_str().map(str::to_owned)
    }
}

impl UserPool {
    /// The pool and its client, which `USER_POOL_ID` and `USER_POOL_CLIENT_ID` name.
    ///
    /// # Errors
    /// If one of the variables is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            cognito: aws::cognito(aws),
            pool_id: required("USER_POOL_ID")?,
            client_id: required("USER_POOL_CLIENT_ID")?,
            secret: OnceCell::new(),
        })
    }

    /// The client's secret. It is read once per process, because it should be in no environment variable, where it
    /// would be shown with a function's settings.
    pub(super) async fn secret(&self) -> Result<&str, PoolError> {
        let secret = self.secret.get_or_try_init(async || {
            let request = self.cognito.describe_user_pool_client();
            let described = request.user_pool_id(&self.pool_id).client_id(&self.client_id).send().await;
            let client = described.map_err(CloudError::without_message)?.user_pool_client;
            let secret = client.and_then(|client| client.client_secret);
            secret.map(Secret).ok_or_else(|| CloudError::unusable("the user pool's client has no secret"))
        });
        Ok(&secret.await?.0)
    }

    /// Shows Cognito that we know the client's secret ("Computing secret hash values", Amazon Cognito Developer Guide).
    pub(super) async fn secret_hash(&self, username: &str) -> Result<String, PoolError> {
        let mut hash = Hmac::<Sha256>::new_from_slice(self.secret().await?.as_bytes())
            .map_err(|error| CloudError::caused("the secret cannot be a key", error))?;
        hash.update(username.as_bytes());
        hash.update(self.client_id.as_bytes());
        Ok(STANDARD.encode(hash.finalize().into_bytes()))
    }

    /// Signs a user up. The pool sends a code by email.
    ///
    /// # Errors
    /// [`PoolError::Taken`], [`PoolError::WeakPassword`], [`PoolError::InvalidSignup`], [`PoolError::TooManyTries`] and
    /// [`PoolError::Service`].
    pub async fn sign_up(
        &self,
        caller: &Caller,
        username: &Username,
        password: &str,
        email: &str,
    ) -> Result<Signup, PoolError> {
        let email = AttributeType::builder()
            .name("email")
            .value(email)
            .build()
            .map_err(|error| CloudError::caused("the email attribute cannot be built", error))?;
        let response = self
            .cognito
            .sign_up()
            .client_id(&self.client_id)
            .secret_hash(self.secret_hash(username.as_str()).await?)
            .set_user_context_data(caller.user_context())
            .username(username.as_str())
            .password(password)
            .user_attributes(email)
            .send()
            .await;
        let username = username.as_str().to_owned();
        match response {
            Ok(response) => Ok(Signup {
                username,
                confirmed: response.user_confirmed(),
                delivery: response.code_delivery_details().and_then(delivery),
            }),
            // The user exists now; `/confirm/resend` sends another code.
            Err(error) if error.code() == Some("CodeDeliveryFailureException") => {
                let error = CloudError::without_message(error);
                tracing::warn!(error = %Chain(&error), "the code was not delivered");
                Ok(Signup { username, confirmed: false, delivery: None })
            }
            Err(error) => Err(match error.code() {
                Some("UsernameExistsException") => PoolError::Taken,
                Some("InvalidPasswordException") => PoolError::WeakPassword(message(&error)),
                Some("InvalidParameterException") => PoolError::InvalidSignup(message(&error)),
                _ => common(error),
            }),
        }
    }

    /// Confirms a sign-up.
    ///
    /// # Errors
    /// [`PoolError::WrongCode`], [`PoolError::ExpiredCode`], [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn confirm(&self, caller: &Caller, username: &str, code: &str) -> Result<(), PoolError> {
        self.cognito
            .confirm_sign_up()
            .client_id(&self.client_id)
            .secret_hash(self.secret_hash(username).await?)
            .set_user_context_data(caller.user_context())
            .username(username)
            .confirmation_code(code)
            .send()
            .await
            .map(|_| ())
            .map_err(code_refusal)
    }

    /// Sends the code of a sign-up again. An unknown or confirmed user is not an error.
    ///
    /// # Errors
    /// [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn resend(&self, caller: &Caller, username: &str) -> Result<(), PoolError> {
        let response = self
            .cognito
            .resend_confirmation_code()
            .client_id(&self.client_id)
            .secret_hash(self.secret_hash(username).await?)
            .set_user_context_data(caller.user_context())
            .username(username)
            .send()
            .await;
        response.map(|_| ()).or_else(silent)
    }

    /// Sends a code for a new password by email. An unknown user is not an error.
    ///
    /// # Errors
    /// [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn forgot_password(&self, caller: &Caller, username: &str) -> Result<(), PoolError> {
        let response = self
            .cognito
            .forgot_password()
            .client_id(&self.client_id)
            .secret_hash(self.secret_hash(username).await?)
            .set_user_context_data(caller.user_context())
            .username(username)
            .send()
            .await;
        response.map(|_| ()).or_else(silent)
    }

    /// Sets a new password with a code.
    ///
    /// # Errors
    /// [`PoolError::WeakNewPassword`], [`PoolError::WrongCode`], [`PoolError::ExpiredCode`],
    /// [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn reset_password(
        &self,
        caller: &Caller,
        username: &str,
        code: &str,
        password: &str,
    ) -> Result<(), PoolError> {
        self.cognito
            .confirm_forgot_password()
            .client_id(&self.client_id)
            .secret_hash(self.secret_hash(username).await?)
            .set_user_context_data(caller.user_context())
            .username(username)
            .confirmation_code(code)
            .password(password)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| match error.code() {
                Some("InvalidPasswordException") => PoolError::WeakNewPassword(message(&error)),
                _ => code_refusal(error),
            })
    }

    /// Logs in.
    ///
    /// # Errors
    /// [`PoolError::WrongCredentials`], [`PoolError::NotConfirmed`], [`PoolError::ResetRequired`],
    /// [`PoolError::NewPasswordDue`], [`PoolError::MfaRequired`], [`PoolError::MfaSetupDue`],
    /// [`PoolError::UnsupportedChallenge`], [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn log_in(&self, caller: &Caller, username: &str, password: &str) -> Result<Tokens, PoolError> {
        let response = self
            .cognito
            .admin_initiate_auth()
            .user_pool_id(&self.pool_id)
            .client_id(&self.client_id)
            .set_context_data(caller.admin_context())
            .auth_flow(AuthFlowType::AdminUserPasswordAuth)
            .auth_parameters("SECRET_HASH", self.secret_hash(username).await?)
            .auth_parameters("USERNAME", username)
            .auth_parameters("PASSWORD", password)
            .send()
            .await
            .map_err(credentials_refusal)?;
        self.outcome(username, response.authentication_result, response.challenge_name, response.session).await
    }

    /// Logs in with a new password, after [`PoolError::NewPasswordDue`].
    ///
    /// # Errors
    /// As [`UserPool::log_in`], and [`PoolError::WeakNewPassword`].
    pub async fn new_password(
        &self,
        caller: &Caller,
        username: &str,
        session: &str,
        password: &str,
    ) -> Result<Tokens, PoolError> {
        let response = Some(("NEW_PASSWORD", password));
        self.answer(caller, username, session, ChallengeNameType::NewPasswordRequired, response, |error| {
            match error.code() {
                Some("InvalidPasswordException") => PoolError::WeakNewPassword(message(&error)),
                Some("CodeMismatchException" | "ExpiredCodeException") => PoolError::WrongCredentials,
                _ => credentials_refusal(error),
            }
        })
        .await
    }

    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// [`PoolError::WrongCredentials`], [`PoolError::NotConfirmed`], [`PoolError::ResetRequired`],
    /// [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn refresh(&self, refresh_token: &str) -> Result<Tokens, PoolError> {
        let response = self
            .cognito
            .get_tokens_from_refresh_token()
            .client_id(&self.client_id)
            .client_secret(self.secret().await?)
            .refresh_token(refresh_token)
            .send()
            .await
            .map_err(credentials_refusal)?;
        let result = response.authentication_result;
        let result = result.ok_or_else(|| CloudError::unusable("the refresh returned no tokens"))?;
        Ok(Tokens { refresh: None, ..tokens(result)? })
    }

    /// Revokes a refresh token and, for Cognito, every token that was issued from it. An invalid token is not an error.
    ///
    /// # Errors
    /// [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn log_out(&self, refresh_token: &str) -> Result<(), PoolError> {
        let request = self.cognito.revoke_token().client_id(&self.client_id).client_secret(self.secret().await?);
        let response = request.token(refresh_token).send().await;
        response.map(|_| ()).or_else(|error| match error.code() {
            Some(
                "UnauthorizedException"
                | "NotAuthorizedException"
                | "UnsupportedTokenTypeException"
                | "InvalidParameterException",
            ) => Ok(()),
            _ => Err(common(error)),
        })
    }

    /// Answers a challenge of a log-in. `refusal` maps Cognito's errors.
    pub(super) async fn answer(
        &self,
        caller: &Caller,
        username: &str,
        session: &str,
        challenge: ChallengeNameType,
        response: Option<(&str, &str)>,
        refusal: impl FnOnce(SdkError<AdminRespondToAuthChallengeError>) -> PoolError,
    ) -> Result<Tokens, PoolError> {
        let mut request = self
            .cognito
            .admin_respond_to_auth_challenge()
            .user_pool_id(&self.pool_id)
            .client_id(&self.client_id)
            .set_context_data(caller.admin_context())
            .challenge_name(challenge)
            .challenge_responses("USERNAME", username)
            .challenge_responses("SECRET_HASH", self.secret_hash(username).await?)
            .session(session);
        if let Some((name, value)) = response {
            request = request.challenge_responses(name, value);
        }
        let response = request.send().await.map_err(refusal)?;
        self.outcome(username, response.authentication_result, response.challenge_name, response.session).await
    }

    /// The tokens of a log-in, or what Cognito demands before it issues them.
    pub(super) async fn outcome(
        &self,
        username: &str,
        result: Option<AuthenticationResultType>,
        challenge: Option<ChallengeNameType>,
        session: Option<String>,
    ) -> Result<Tokens, PoolError> {
        let (challenge, session) = match (result, challenge, session) {
            (Some(result), _, _) => return tokens(result),
            (None, Some(challenge), Some(session)) => (challenge, session),
            (None, Some(_), None) => return Err(CloudError::unusable("the challenge has no session").into()),
            (None, None, _) => {
                return Err(CloudError::unusable("the log-in returned neither tokens nor a challenge").into());
            }
        };
        Err(match challenge {
            ChallengeNameType::NewPasswordRequired => PoolError::NewPasswordDue { session },
            ChallengeNameType::SoftwareTokenMfa => PoolError::MfaRequired { session },
            ChallengeNameType::MfaSetup => {
                let (session, enrolment) = self.enrol_in_session(username, session).await?;
                PoolError::MfaSetupDue { session, enrolment }
            }
            challenge => PoolError::UnsupportedChallenge(challenge.as_str().to_owned()),
        })
    }
}

fn delivery(details: &CodeDeliveryDetailsType) -> Option<Delivery> {
    Some(Delivery {
        medium: details.delivery_medium()?.as_str().to_owned(),
        destination: details.destination()?.to_owned(),
    })
}

fn tokens(result: AuthenticationResultType) -> Result<Tokens, PoolError> {
    match (result.id_token, result.access_token) {
        (Some(id), Some(access)) => Ok(Tokens {
            id,
            access,
            refresh: result.refresh_token,
            kind: result.token_type.unwrap_or_else(|| "Bearer".to_owned()),
            expires_in: result.expires_in,
        }),
        _ => Err(CloudError::unusable("the log-in returned no tokens").into()),
    }
}

/// The error for a password, session or token.
fn credentials_refusal<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    error: SdkError<E>,
) -> PoolError {
    match error.code() {
        _ if is_locked(&error) => PoolError::TooManyTries,
        Some("NotAuthorizedException" | "UserNotFoundException" | "InvalidParameterException") => {
            PoolError::WrongCredentials
        }
        Some("UserNotConfirmedException") => PoolError::NotConfirmed,
        Some("PasswordResetRequiredException") => PoolError::ResetRequired,
        _ => common(error),
    }
}

/// Whether the user is locked after too many wrong passwords or codes. Cognito has no separate code for it, but a
/// message: "Password attempts exceeded".
pub(super) fn is_locked(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("NotAuthorizedException") && error.message().is_some_and(|text| text.contains("exceeded"))
}

/// The error for a code.
fn code_refusal<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(error: SdkError<E>) -> PoolError {
    match error.code() {
        Some("ExpiredCodeException") => PoolError::ExpiredCode,
        Some(
            "CodeMismatchException"
            | "UserNotFoundException"
            | "NotAuthorizedException"
            | "InvalidParameterException"
            | "AliasExistsException"
            | "UserNotConfirmedException",
        ) => PoolError::WrongCode,
        _ => common(error),
    }
}

/// Ignores errors that would reveal whether a user exists.
fn silent<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    error: SdkError<E>,
) -> Result<(), PoolError> {
    match error.code() {
        Some(
            "UserNotFoundException"
            | "InvalidParameterException"
            | "NotAuthorizedException"
            | "UserNotConfirmedException"
            | "CodeDeliveryFailureException",
        ) => Ok(()),
        _ => Err(common(error)),
    }
}

pub(super) fn common<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    error: SdkError<E>,
) -> PoolError {
    match error.code() {
        Some("LimitExceededException" | "TooManyRequestsException" | "TooManyFailedAttemptsException") => {
            PoolError::TooManyTries
        }
        _ => PoolError::Service(CloudError::without_message(error)),
    }
}

fn message<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    error.message().unwrap_or("The user pool rejected it. Change it and try again.").to_owned()
}
