//! Errors as `application/problem+json` (RFC 9457). This is the only place that knows which error has which status:
//! each domain's error is turned into a [`Problem`] here, variant by variant, so that a new one does not compile before
//! somebody decided.

use std::{borrow::Cow, fmt::Display};

use ::http::{HeaderValue, Response, StatusCode, header};
use lambda_http::Body;
use layer_jwt::VerifyError;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Answer, auth::AuthError};
use crate::{
    archive::ArchiveError,
    auctions::{AuctionError, Refusal},
    index::{RecordError, StorageError},
    money::Amount,
    photos::StoreError,
    presign::PresignError,
    users::{PoolError, TooLong},
};

/// An error as the client is told of it. What only the log may know is logged when the problem is made.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    /// Kebab case; the stable part of `type`.
    name: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
}

/// One wrong member of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrongMember {
    /// Where it is (RFC 6901).
    pub pointer: String,
    /// What to do about it.
    pub detail: Cow<'static, str>,
}

impl WrongMember {
    /// The member at `pointer` is wrong.
    pub fn new(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        name: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, name, title, detail: detail.into(), members: Map::new() }
    }

    /// The same with one more member.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The request, or one of its parameters, cannot be read.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read", detail)
    }

    /// Members that can be read break a rule; every one of them is named.
    #[must_use]
    pub fn invalid(errors: &[WrongMember]) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid",
            "The request breaks a rule",
            "Correct the members that `errors` names, and send the request again.",
        )
        .with("errors", json!(errors))
    }

    /// The body is larger than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The upload is too large",
            format!("Send at most {limit} bytes."),
        )
        .with("limit", limit)
    }

    /// The bytes are no photo.
    #[must_use]
    pub fn not_a_photo() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-a-photo",
            "This is not a photo",
            "Send a JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF or BMP file; its first bytes tell, not its name or type.",
        )
    }

    /// There is no photo of that name in the caller's folder.
    #[must_use]
    pub fn no_such_photo() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-photo",
            "There is no such photo",
            "POST /list names the photos you have; send a `filename` as it gives it.",
        )
    }

    /// There is no auction of that id.
    #[must_use]
    pub fn no_such_auction() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-auction",
            "There is no such auction",
            "GET /auctions names the auctions; send the `id` of one.",
        )
    }

    /// The token names no verified mail address, without which nobody can be told how an auction ended.
    #[must_use]
    pub fn email_required() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "email-required",
            "The token names no verified mail address",
            "Use the `jwt` of POST /login, not its `access_token`: only the former names your mail address.",
        )
    }

    /// A fault of ours. The log gets it whole, the client gets the request's id alone.
    pub fn internal(error: impl Display) -> Self {
        tracing::error!(%error, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side",
            "Try again; if it stays, report the `request_id`.",
        )
    }

    pub(super) fn into_answer(self, request_id: &str) -> Answer {
        let mut body = self.members;
        body.insert("type".to_owned(), format!("urn:yourplace:problem:{}", self.name).into());
        body.insert("title".to_owned(), self.title.into());
        body.insert("status".to_owned(), self.status.as_u16().into());
        body.insert("detail".to_owned(), self.detail.into_owned().into());
        body.insert("request_id".to_owned(), request_id.into());
        let mut answer = Response::new(Body::Text(Value::Object(body).to_string()));
        *answer.status_mut() = self.status;
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::NotAnArchive => Self::new(
                StatusCode::BAD_REQUEST,
                "not-an-archive",
                "This is not a ZIP archive",
                "Send a ZIP archive: as the body, as the part `archive`, or as base64 in the JSON member `archive`.",
            ),
            ArchiveError::Damaged => Self::new(
                StatusCode::BAD_REQUEST,
                "damaged-archive",
                "The ZIP archive is damaged",
                "Its directory is cut off or unreadable; make it again. Nothing of it was stored.",
            ),
            ArchiveError::TooManyEntries { limit } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-many-entries",
                "The ZIP archive has too many entries",
                format!("Send at most {limit} entries at a time. Nothing of it was stored."),
            )
            .with("limit", limit),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::no_such_photo(),
            StoreError::Crowded | StoreError::Storage(_) => Self::internal(error),
        }
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        Self::internal(error)
    }
}

impl From<PresignError> for Problem {
    fn from(error: PresignError) -> Self {
        Self::internal(error)
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Busy => {
                tracing::warn!(%error, "busy");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "busy",
                    "The record is being changed by other requests",
                    "Try again in a few seconds.",
                )
            }
            RecordError::Unreadable(_) | RecordError::Storage(_) => Self::internal(error),
        }
    }
}

impl From<AuctionError> for Problem {
    fn from(error: AuctionError) -> Self {
        match error {
            AuctionError::NotFound => Self::no_such_auction(),
            AuctionError::NotSeller => Self::new(
                StatusCode::FORBIDDEN,
                "not-the-seller",
                "This is not your auction",
                "Only its seller may change the picture of an auction.",
            ),
            AuctionError::Closed => Self::from(Refusal::Closed),
            AuctionError::Refused(refusal) => Self::from(refusal),
            AuctionError::Storage(_) => Self::internal(error),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let conflict = |name, title, detail| Self::new(StatusCode::CONFLICT, name, title, detail);
        match refusal {
            Refusal::Closed => {
                conflict("auction-closed", "The auction has ended", "GET /auctions names those that are open.")
            }
            Refusal::Own => {
                conflict("own-auction", "This is your own auction", "A seller cannot bid; choose another auction.")
            }
            Refusal::AlreadyHighest => conflict(
                "already-highest",
                "You have the highest bid already",
                "Wait until somebody bids more before you bid again.",
            ),
            Refusal::TooLow { highest, minimum } => {
                conflict("bid-too-low", "The bid is too low", "Bid at least `minimum_amount`.")
                    .with("highest_amount", highest.map(Amount::get))
                    .with("minimum_amount", minimum)
            }
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Token(error @ (VerifyError::Missing | VerifyError::Invalid(_))) => {
                tracing::info!(reason = %error, "no valid token");
                Self::new(
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    "A valid token is needed",
                    "Log in with POST /login, and send its `jwt` in the header `Authorization: Bearer …`.",
                )
            }
            AuthError::Token(error @ VerifyError::Unavailable { .. }) => {
                tracing::error!(%error, "the token cannot be checked");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "The token cannot be checked at the moment",
                    "Try again in a few seconds.",
                )
            }
            AuthError::Name(TooLong) => Self::new(
                StatusCode::FORBIDDEN,
                "user-name-too-long",
                "This user name cannot be used here",
                "Sign up with POST /signup under a shorter name.",
            ),
        }
    }
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Taken => {
                Self::new(StatusCode::CONFLICT, "username-taken", "The user name is taken", "Choose another user name.")
            }
            PoolError::WeakPassword(words) => Self::invalid(&[WrongMember::new("/password", words)]),
            PoolError::WeakNewPassword(words) => Self::invalid(&[WrongMember::new("/new_password", words)]),
            PoolError::InvalidSignup(words) => Self::invalid(&[WrongMember::new("", words)]),
            PoolError::WrongCode => {
                Self::invalid(&[WrongMember::new("/code", "does not fit this user; look it up in the latest mail")])
            }
            PoolError::ExpiredCode => {
                Self::new(StatusCode::GONE, "code-expired", "The code has expired", "Ask for a new one, and use that.")
            }
            PoolError::WrongCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "wrong-credentials",
                "The credentials are wrong",
                "Check user name and password; POST /password/forgot helps with a lost password.",
            ),
            PoolError::NotConfirmed => Self::new(
                StatusCode::FORBIDDEN,
                "not-confirmed",
                "The sign-up is not confirmed yet",
                "Send the code from the mail to POST /confirm; POST /confirm/resend sends another.",
            ),
            PoolError::ResetRequired => Self::new(
                StatusCode::FORBIDDEN,
                "password-reset-required",
                "The password must be reset",
                "Ask for a code with POST /password/forgot, and set a new password with POST /password/reset.",
            ),
            PoolError::NewPasswordDue { session } => Self::new(
                StatusCode::CONFLICT,
                "new-password-due",
                "A new password is due",
                "Send user name, this `session` and a new password to POST /login/new_password.",
            )
            .with("session", session),
            PoolError::UnsupportedChallenge(challenge) => {
                tracing::warn!(challenge, "unsupported challenge");
                Self::new(
                    StatusCode::FORBIDDEN,
                    "unsupported-challenge",
                    "This user cannot log in here",
                    "The user pool asks for a further step that this service has no route for.",
                )
            }
            PoolError::TooManyTries => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-tries",
                "Too many tries",
                "Wait a few minutes before the next try.",
            ),
            PoolError::Service(error) => Self::internal(error),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Pointer and detail of each wrong member, in the order of the pointers.
    pub(crate) fn wrong_members(problem: &Problem) -> Vec<(String, String)> {
        assert_eq!(problem.status, StatusCode::UNPROCESSABLE_ENTITY);
        let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
        let errors = problem.members["errors"].as_array().unwrap().iter();
        let mut wrong: Vec<_> = errors.map(|error| (text(error, "pointer"), text(error, "detail"))).collect();
        wrong.sort_by(|a, b| a.0.cmp(&b.0));
        wrong
    }

    #[test]
    fn a_bid_that_is_too_low_is_told_what_is_enough() {
        let refusal = Refusal::TooLow { highest: None, minimum: 500 };
        let problem = Problem::from(AuctionError::Refused(refusal));
        assert_eq!((problem.status, problem.name), (StatusCode::CONFLICT, "bid-too-low"));
        assert_eq!(Value::Object(problem.members), json!({"highest_amount": null, "minimum_amount": 500}));
    }
}
