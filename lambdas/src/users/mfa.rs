//! The second factor: codes of an authenticator app (TOTP, RFC 6238), which Cognito checks.

use aws_sdk_cognitoidentityprovider::{
    error::{ProvideErrorMetadata, SdkError},
    types::{ChallengeNameType, SoftwareTokenMfaSettingsType, VerifySoftwareTokenResponseType},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Caller,
    pool::{PoolError, Tokens, UserPool, common, is_locked},
};
use crate::storage::CloudError;

/// The name that an authenticator app shows beside the user name.
const ISSUER: &str = "yourplace";

/// As Cognito lists it among a user's factors.
const SOFTWARE_TOKEN: &str = "SOFTWARE_TOKEN_MFA";

/// What an authenticator app needs to make codes. It is secret, so its `Debug` shows nothing.
#[derive(Serialize, JsonSchema)]
pub struct Enrolment {
    /// For typing in: base32, without padding.
    pub secret: String,
    /// For a QR code: `otpauth://totp/…`.
    pub uri: String,
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Enrolment").finish_non_exhaustive()
    }
}

impl Enrolment {
    /// The URI has the form that authenticator apps read ("Key Uri Format" in the wiki of google-authenticator).
    fn new(username: &str, secret: String) -> Self {
        let username = utf8_percent_encode(username, NON_ALPHANUMERIC);
        let uri = format!("otpauth://totp/{ISSUER}:{username}?secret={secret}&issuer={ISSUER}");
        Self { secret, uri }
    }
}

impl UserPool {
    /// Gives the user a new secret. It is not active before [`UserPool::confirm_mfa`].
    ///
    /// # Errors
    /// [`PoolError::MfaActive`], [`PoolError::TokenRefused`], [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn start_mfa(&self, username: &str, access_token: &str) -> Result<Enrolment, PoolError> {
        if self.is_mfa_active(access_token).await? {
            return Err(PoolError::MfaActive);
        }
        let response = self.cognito.associate_software_token().access_token(access_token).send().await;
        match response.map_err(token_refusal)?.secret_code {
            Some(secret) => Ok(Enrolment::new(username, secret)),
            None => Err(no_secret()),
        }
    }

    /// Activates the second factor. From now on each log-in asks for a code. A repeat with a current code succeeds.
    ///
    /// # Errors
    /// [`PoolError::WrongMfaCode`], also without a secret to confirm, [`PoolError::TokenRefused`],
    /// [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn confirm_mfa(&self, access_token: &str, code: &str) -> Result<(), PoolError> {
        self.verify(access_token, code).await?;
        self.set_mfa(access_token, true).await
    }

    /// Ends the second factor. If it is `mandatory`, nobody may.
    ///
    /// # Errors
    /// [`PoolError::MfaMandatory`], [`PoolError::MfaNotActive`], [`PoolError::WrongMfaCode`],
    /// [`PoolError::TokenRefused`], [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn end_mfa(&self, access_token: &str, code: &str, mandatory: bool) -> Result<(), PoolError> {
        if mandatory {
            return Err(PoolError::MfaMandatory);
        }
        if !self.is_mfa_active(access_token).await? {
            return Err(PoolError::MfaNotActive);
        }
        self.verify(access_token, code).await?;
        self.set_mfa(access_token, false).await
    }

    /// Finishes a log-in with a code, after [`PoolError::MfaRequired`].
    ///
    /// # Errors
    /// [`PoolError::WrongSecondFactor`], [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn log_in_with_code(
        &self,
        caller: &Caller,
        username: &str,
        session: &str,
        code: &str,
    ) -> Result<Tokens, PoolError> {
        let response = Some(("SOFTWARE_TOKEN_MFA_CODE", code));
        let challenge = ChallengeNameType::SoftwareTokenMfa;
        self.answer(caller, username, session, challenge, response, factor_refusal).await
    }

    /// Sets up the second factor that the pool requires with its first code, and logs in, after
    /// [`PoolError::MfaSetupDue`].
    ///
    /// # Errors
    /// [`PoolError::WrongSecondFactor`], [`PoolError::TooManyTries`] and [`PoolError::Service`].
    pub async fn set_up_mfa(
        &self,
        caller: &Caller,
        username: &str,
        session: &str,
        code: &str,
    ) -> Result<Tokens, PoolError> {
        let verified = self
            .cognito
            .verify_software_token()
            .session(session)
            .user_code(code)
            .send()
            .await
            .map_err(factor_refusal)?;
        let (Some(VerifySoftwareTokenResponseType::Success), Some(session)) = (verified.status, verified.session)
        else {
            return Err(PoolError::WrongSecondFactor);
        };
        self.answer(caller, username, &session, ChallengeNameType::MfaSetup, None, factor_refusal).await
    }

    /// A secret for a user who is logging in and needs a second factor, and the session for its first code.
    pub(super) async fn enrol_in_session(
        &self,
        username: &str,
        session: String,
    ) -> Result<(String, Enrolment), PoolError> {
        let response = self.cognito.associate_software_token().session(session).send().await.map_err(factor_refusal)?;
        match (response.session, response.secret_code) {
            (Some(session), Some(secret)) => Ok((session, Enrolment::new(username, secret))),
            _ => Err(no_secret()),
        }
    }

    async fn is_mfa_active(&self, access_token: &str) -> Result<bool, PoolError> {
        let user = self.cognito.get_user().access_token(access_token).send().await.map_err(token_refusal)?;
        Ok(user.user_mfa_setting_list().iter().any(|factor| factor == SOFTWARE_TOKEN))
    }

    /// Checks a code with the secret that was created last, or with the active one.
    async fn verify(&self, access_token: &str, code: &str) -> Result<(), PoolError> {
        let response =
            self.cognito.verify_software_token().access_token(access_token).user_code(code).send().await.map_err(
                |error| if is_wrong_code(error.code()) { PoolError::WrongMfaCode } else { token_refusal(error) },
            )?;
        match response.status {
            Some(VerifySoftwareTokenResponseType::Success) => Ok(()),
            _ => Err(PoolError::WrongMfaCode),
        }
    }

    async fn set_mfa(&self, access_token: &str, active: bool) -> Result<(), PoolError> {
        let settings = SoftwareTokenMfaSettingsType::builder().enabled(active).preferred_mfa(active).build();
        self.cognito
            .set_user_mfa_preference()
            .access_token(access_token)
            .software_token_mfa_settings(settings)
            .send()
            .await
            .map(|_| ())
            .map_err(token_refusal)
    }
}

fn no_secret() -> PoolError {
    CloudError::unusable("Cognito returned no secret").into()
}

/// Whether Cognito says that a code is wrong, was used before, is not six digits, or that no secret exists.
fn is_wrong_code(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "CodeMismatchException"
                | "EnableSoftwareTokenMFAException"
                | "ExpiredCodeException"
                | "InvalidParameterException"
                | "SoftwareTokenMFANotFoundException"
        )
    )
}

/// The error of a call that an access token authorises.
fn token_refusal<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(error: SdkError<E>) -> PoolError {
    match error.code() {
        Some(
            "NotAuthorizedException"
            | "PasswordResetRequiredException"
            | "UserNotConfirmedException"
            | "UserNotFoundException",
        ) => PoolError::TokenRefused,
        _ => common(error),
    }
}

/// The error for a code and a session of a log-in. All refusals are the same error.
fn factor_refusal<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    error: SdkError<E>,
) -> PoolError {
    match error.code() {
        _ if is_locked(&error) => PoolError::TooManyTries,
        Some(
            "NotAuthorizedException"
            | "PasswordResetRequiredException"
            | "UserNotConfirmedException"
            | "UserNotFoundException",
        ) => PoolError::WrongSecondFactor,
        code if is_wrong_code(code) => PoolError::WrongSecondFactor,
        _ => common(error),
    }
}
