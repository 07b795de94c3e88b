//! Errors as `application/problem+json` (RFC 9457).
//!
//! This is the only place that knows which error has which status. Each domain's error becomes a [`Problem`] here,
//! variant by variant, so a new variant does not compile until someone decides its status. A conversion does not log:
//! the edge, [`super::serve`], logs each problem once.

use std::{borrow::Cow, error::Error, fmt::Display};

use http::{HeaderValue, StatusCode, header};
use lambda_http::Body;
use layer_jwt::VerifyError;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Response, auth::AuthError};
use crate::{
    archive::ArchiveError,
    auctions::{self, AuctionError},
    jobs::{self, ExportError, JobError},
    money::Amount,
    photos::{Exceeded, StoreError},
    renditions::RenderError,
    storage::{CloudError, ErrorKind, presign::PresignError},
    telemetry::Chain,
    uploads::{self, Refusal, UploadError},
    users::{PoolError, TooLong},
};

/// Seconds after which a client may retry when the cloud throttles us or a record is busy.
const RETRY_AFTER_SECONDS: u64 = 2;

/// A kind of problem: what all problems of one `type` share.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub status: StatusCode,
    /// Kebab case: the last part of the URN in `type`.
    pub name: &'static str,
    pub title: &'static str,
}

macro_rules! kinds {
    ($($constant:ident: $status:ident, $name:literal, $title:literal;)*) => {
        impl Kind {
            $(pub const $constant: Self = Self { status: StatusCode::$status, name: $name, title: $title };)*

            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$constant),*];
        }
    };
}

kinds! {
    BAD_REQUEST: BAD_REQUEST, "bad-request", "The request is malformed";
    NOT_AN_ARCHIVE: BAD_REQUEST, "not-an-archive", "This is not a ZIP archive";
    DAMAGED_ARCHIVE: BAD_REQUEST, "damaged-archive", "The ZIP archive is damaged";
    UNAUTHORIZED: UNAUTHORIZED, "unauthorized", "A valid token is required";
    WRONG_CREDENTIALS: UNAUTHORIZED, "wrong-credentials", "The credentials are wrong";
    ACCESS_TOKEN_REQUIRED: FORBIDDEN, "access-token-required", "The access token is required";
    MFA_MANDATORY: FORBIDDEN, "mfa-mandatory", "The second factor is mandatory";
    NOT_A_POOL_USER: FORBIDDEN, "not-a-pool-user", "Only users who signed up here can do this";
    QUOTA_EXCEEDED: FORBIDDEN, "quota-exceeded", "The quota is exceeded";
    EMAIL_REQUIRED: FORBIDDEN, "email-required", "The token contains no verified email address";
    USER_ID_TOO_LONG: FORBIDDEN, "user-id-too-long", "The user id is too long";
    NOT_CONFIRMED: FORBIDDEN, "not-confirmed", "The sign-up is not confirmed";
    NOT_THE_SELLER: FORBIDDEN, "not-the-seller", "This is not your auction";
    PASSWORD_RESET_REQUIRED: FORBIDDEN, "password-reset-required", "The password must be reset";
    UNSUPPORTED_CHALLENGE: FORBIDDEN, "unsupported-challenge", "This user cannot log in here";
    MFA_NOT_ACTIVE: NOT_FOUND, "mfa-not-active", "The second factor is not active";
    NO_SUCH_AUCTION: NOT_FOUND, "no-such-auction", "There is no such auction";
    NO_SUCH_FILE: NOT_FOUND, "no-such-file", "There is no such file";
    NO_SUCH_UPLOAD: NOT_FOUND, "no-such-upload", "There is no such upload";
    NO_SUCH_JOB: NOT_FOUND, "no-such-job", "There is no such job";
    NO_SUCH_PHOTO: NOT_FOUND, "no-such-photo", "There is no such photo";
    NO_SUCH_PHOTOS: NOT_FOUND, "no-such-photos", "Some of these photos do not exist";
    ALREADY_HIGHEST: CONFLICT, "already-highest", "You already have the highest bid";
    AUCTION_CLOSED: CONFLICT, "auction-closed", "The auction has ended";
    BID_TOO_LOW: CONFLICT, "bid-too-low", "The bid is too low";
    IDEMPOTENCY_KEY_REUSED: CONFLICT, "idempotency-key-reused", "The idempotency key was used for another request";
    MFA_ACTIVE: CONFLICT, "mfa-active", "The second factor is active already";
    MFA_REQUIRED: CONFLICT, "mfa-required", "A code of the second factor is required";
    MFA_SETUP_DUE: CONFLICT, "mfa-setup-due", "A second factor must be set up";
    JOB_ENDED: CONFLICT, "job-ended", "The job is over";
    NEW_PASSWORD_DUE: CONFLICT, "new-password-due", "A new password is required";
    OWN_AUCTION: CONFLICT, "own-auction", "This is your own auction";
    PARTS_MISSING: CONFLICT, "parts-missing", "Parts of the upload are missing";
    UPLOAD_ENDED: CONFLICT, "upload-ended", "The upload has ended";
    USERNAME_TAKEN: CONFLICT, "username-taken", "The user name is taken";
    CODE_EXPIRED: GONE, "code-expired", "The code has expired";
    TOO_LARGE: PAYLOAD_TOO_LARGE, "too-large", "The upload is too large";
    TOO_MANY_ENTRIES: PAYLOAD_TOO_LARGE, "too-many-entries", "The ZIP archive has too many entries";
    NOT_A_PHOTO: UNSUPPORTED_MEDIA_TYPE, "not-a-photo", "This is not a photo";
    CHECKSUM_MISMATCH: UNPROCESSABLE_ENTITY, "checksum-mismatch", "The bytes do not match the checksum";
    INVALID: UNPROCESSABLE_ENTITY, "invalid", "The request breaks a rule";
    TOO_MANY_ATTEMPTS: TOO_MANY_REQUESTS, "too-many-tries", "Too many attempts";
    TOO_MANY: TOO_MANY_REQUESTS, "too-many", "Too many at the same time";
    INTERNAL: INTERNAL_SERVER_ERROR, "internal", "Something went wrong on our side";
    BUSY: SERVICE_UNAVAILABLE, "busy", "The service is busy";
    UNAVAILABLE: SERVICE_UNAVAILABLE, "unavailable", "The token cannot be checked at the moment";
}

/// An error with two sides: what the client may read, and its cause, which only the log may.
#[derive(Debug)]
pub struct Problem(Box<Sides>);

#[derive(Debug)]
struct Sides {
    kind: Kind,
    detail: Cow<'static, str>,
    members: Map<String, Value>,
    retry_after: Option<u64>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// An invalid member of a request's body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InvalidMember {
    /// A JSON pointer (RFC 6901).
    pub pointer: String,
    /// What to do about it.
    pub detail: Cow<'static, str>,
}

impl InvalidMember {
    pub fn new(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// A member that the route does not know. `name` is escaped as RFC 6901 requires.
    pub(super) fn unknown(name: &str) -> Self {
        Self::new(format!("/{}", name.replace('~', "~0").replace('/', "~1")), "is unknown; remove it")
    }
}

impl Problem {
    /// `detail` tells the client what to do about it.
    pub fn new(kind: Kind, detail: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Sides { kind, detail: detail.into(), members: Map::new(), retry_after: None, cause: None }))
    }

    #[must_use]
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    fn because(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    #[must_use]
    fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// The request, or one of its parameters, is malformed.
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::BAD_REQUEST, detail)
    }

    /// Well-formed members break a rule. `errors` lists all of them.
    #[must_use]
    pub fn invalid(errors: &[InvalidMember]) -> Self {
        let detail = "Correct the members listed in `errors` and send the request again.";
        Self::new(Kind::INVALID, detail).with("errors", json!(errors))
    }

    /// The body is larger than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: impl Display + Into<Value> + Copy) -> Self {
        Self::new(Kind::TOO_LARGE, format!("Send at most {limit} bytes.")).with("limit", limit)
    }

    #[must_use]
    pub fn not_a_photo() -> Self {
        Self::new(
            Kind::NOT_A_PHOTO,
            "Send a JPEG, PNG, GIF, WebP, HEIC, AVIF, TIFF or BMP file. Its first bytes decide, not its name or type.",
        )
    }

    #[must_use]
    fn damaged_archive() -> Self {
        Self::new(
            Kind::DAMAGED_ARCHIVE,
            "Its directory is truncated or unreadable. Create the archive again. Nothing was stored.",
        )
    }

    #[must_use]
    pub fn no_such_photo() -> Self {
        Self::new(Kind::NO_SUCH_PHOTO, "POST /list lists your photos. Send a `filename` exactly as listed.")
    }

    #[must_use]
    pub fn no_such_auction() -> Self {
        Self::new(Kind::NO_SUCH_AUCTION, "GET /auctions lists the auctions. Send the `id` of one of them.")
    }

    #[must_use]
    pub fn no_such_upload() -> Self {
        Self::new(Kind::NO_SUCH_UPLOAD, "GET /uploads lists your open uploads. Send the `id` of one of them.")
    }

    #[must_use]
    pub fn no_such_job() -> Self {
        Self::new(Kind::NO_SUCH_JOB, "GET /jobs lists your jobs. Send the `id` of one of them.")
    }

    /// The user has `limit` of `things`. `advice` says how to have fewer.
    fn too_many(limit: usize, things: &str, advice: &str) -> Self {
        Self::new(Kind::TOO_MANY, format!("You have {limit} {things}. {advice}")).with("limit", limit)
    }

    fn too_many_jobs() -> Self {
        Self::too_many(jobs::MAX_RUNNING, "running jobs", "Wait until one of them is over, or cancel one.")
    }

    #[must_use]
    pub fn email_required() -> Self {
        Self::new(
            Kind::EMAIL_REQUIRED,
            "Use the `jwt` of POST /login, not its `access_token`: only the `jwt` contains your email address.",
        )
    }

    /// A failure on our side. The log gets the cause, the client only the request's id.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Kind::INTERNAL, "Try again. If it happens again, report the `request_id`.").because(cause)
    }

    /// Another attempt in a few seconds is likely to succeed.
    fn busy(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let seconds = RETRY_AFTER_SECONDS;
        Self::new(Kind::BUSY, format!("Try again in {seconds} seconds.")).retry_after(seconds).because(cause)
    }

    #[must_use]
    pub const fn kind(&self) -> &Kind {
        &self.0.kind
    }

    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.0.kind.status
    }

    /// Writes the one log line of a problem.
    pub(super) fn log(&self) {
        let Sides { kind: Kind { status, name, .. }, cause, .. } = &*self.0;
        let (status, cause) = (status.as_u16(), cause.as_deref().map(|cause| Chain(cause).to_string()));
        if status >= 500 {
            tracing::error!(status, problem = name, cause, "failed");
        } else {
            tracing::info!(status, problem = name, cause, "refused");
        }
    }

    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let Sides { kind, detail, members: mut body, retry_after, cause: _ } = *self.0;
        body.insert("type".to_owned(), format!("urn:yourplace:problem:{}", kind.name).into());
        body.insert("title".to_owned(), kind.title.into());
        body.insert("status".to_owned(), kind.status.as_u16().into());
        body.insert("detail".to_owned(), detail.into_owned().into());
        body.insert("request_id".to_owned(), request_id.into());
        let mut response = Response::new(Body::Text(Value::Object(body).to_string()));
        *response.status_mut() = kind.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if kind.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Whether an error, or one of its sources, says that the cloud throttles us.
fn is_throttled(error: &(dyn Error + 'static)) -> bool {
    let is = |error: &(dyn Error + 'static)| {
        error.downcast_ref::<CloudError>().is_some_and(|error| error.kind() == ErrorKind::Throttled)
    };
    is(error) || error.source().is_some_and(is_throttled)
}

/// A failed call to the cloud: 503 if it throttles us, else 500.
fn cloud_failure(error: impl Error + Send + Sync + 'static) -> Problem {
    if is_throttled(&error) { Problem::busy(error) } else { Problem::internal(error) }
}

impl From<CloudError> for Problem {
    fn from(error: CloudError) -> Self {
        cloud_failure(error)
    }
}

impl From<PresignError> for Problem {
    fn from(error: PresignError) -> Self {
        Self::internal(error)
    }
}

impl From<RenderError> for Problem {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Process(_) | RenderError::Source(_) => Self::internal(error),
        }
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::NotAnArchive => Self::new(
                Kind::NOT_AN_ARCHIVE,
                "Send a ZIP archive: as the body, as the part `archive`, or as base64 in the JSON member `archive`.",
            ),
            ArchiveError::Damaged => Self::damaged_archive(),
            ArchiveError::Overlapping => Self::new(
                Kind::DAMAGED_ARCHIVE,
                "Some of its entries share bytes. Create the archive again. Nothing was stored.",
            ),
            ArchiveError::TooManyEntries { limit } => Self::new(
                Kind::TOO_MANY_ENTRIES,
                format!("Send at most {limit} entries per archive. Nothing was stored."),
            )
            .with("limit", limit),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::no_such_photo(),
            StoreError::Crowded => Self::busy(error),
            StoreError::Exceeded(exceeded) => Self::from(exceeded),
            StoreError::Storage(_) | StoreError::Presign(_) => cloud_failure(error),
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(Exceeded { quota, used, reserved }: Exceeded) -> Self {
        let detail = "Delete photos, or cancel uploads that you do not need. GET /me shows your quota.";
        Self::new(Kind::QUOTA_EXCEEDED, detail)
            .with("quota", quota.bytes)
            .with("used", used.bytes)
            .with("reserved", reserved.bytes)
            .with("photos", quota.photos)
            .with("photos_used", used.photos)
    }
}

impl From<AuctionError> for Problem {
    fn from(error: AuctionError) -> Self {
        match error {
            AuctionError::NotFound => Self::no_such_auction(),
            AuctionError::NotSeller => {
                Self::new(Kind::NOT_THE_SELLER, "Only the seller may change the picture of an auction.")
            }
            AuctionError::Closed => Self::from(auctions::Refusal::Closed),
            AuctionError::Refused(refusal) => Self::from(refusal),
            AuctionError::TooMany => {
                Self::too_many(auctions::MAX_OPEN, "open auctions", "Wait until one of them ends.")
            }
            AuctionError::Crowded => Self::busy(error),
            AuctionError::Inconsistent(_) | AuctionError::Storage(_) => cloud_failure(error),
        }
    }
}

impl From<auctions::Refusal> for Problem {
    fn from(refusal: auctions::Refusal) -> Self {
        match refusal {
            auctions::Refusal::Closed => Self::new(Kind::AUCTION_CLOSED, "GET /auctions lists the open auctions."),
            auctions::Refusal::Own => Self::new(Kind::OWN_AUCTION, "Sellers cannot bid. Choose another auction."),
            auctions::Refusal::AlreadyHighest => {
                Self::new(Kind::ALREADY_HIGHEST, "Wait until someone else bids more before you bid again.")
            }
            auctions::Refusal::TooLow { highest, minimum } => {
                Self::new(Kind::BID_TOO_LOW, "Bid at least `minimum_amount`.")
                    .with("highest_amount", highest.map(Amount::get))
                    .with("minimum_amount", minimum)
            }
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotFound => Self::no_such_upload(),
            UploadError::Ended => Self::new(Kind::UPLOAD_ENDED, "Start a new upload with POST /uploads."),
            UploadError::TooLarge { limit } => Self::too_large(limit),
            UploadError::TooMany => {
                Self::too_many(uploads::MAX_OPEN, "open uploads", "Complete or cancel one; GET /uploads lists them.")
            }
            UploadError::TooManyJobs => Self::too_many_jobs(),
            UploadError::Unchecked { limit } => Self::invalid(&[InvalidMember::new(
                "/sha256",
                format!("must be left out for an archive of more than {limit} bytes; each entry has a checksum"),
            )]),
            UploadError::Exceeded(exceeded) => Self::from(exceeded),
            UploadError::KeyReused => Self::new(
                Kind::IDEMPOTENCY_KEY_REUSED,
                "Send a new `Idempotency-Key`, or the same body as with the first request.",
            ),
            UploadError::PartsMissing(missing) => {
                Self::new(Kind::PARTS_MISSING, "Send the parts listed in `missing`, then complete the upload again.")
                    .with("missing", missing)
            }
            UploadError::Refused(Refusal::NotAPhoto) => Self::not_a_photo(),
            UploadError::Refused(Refusal::NotAnArchive) => Self::from(ArchiveError::NotAnArchive),
            UploadError::Refused(Refusal::DamagedArchive) => Self::from(ArchiveError::Damaged),
            UploadError::Refused(Refusal::ChecksumMismatch) => Self::new(
                Kind::CHECKSUM_MISMATCH,
                "The file that arrived is not the one that `sha256` and `size` describe. Upload it again.",
            ),
            UploadError::Busy | UploadError::Crowded => Self::busy(error),
            UploadError::Storage(_) | UploadError::Presign(_) => cloud_failure(error),
        }
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        match error {
            JobError::NotFound => Self::no_such_job(),
            JobError::Ended => Self::new(Kind::JOB_ENDED, "GET /jobs/{id} shows how it ended."),
            JobError::WrongCursor => Self::bad_request(
                "This `cursor` is not from GET /jobs/{id}/entries. Leave it out to start from the first page.",
            ),
            JobError::Storage(_) | JobError::Presign(_) => cloud_failure(error),
        }
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Missing(missing) => {
                Self::new(Kind::NO_SUCH_PHOTOS, "Leave out the names in `missing`. GET /photos lists your photos.")
                    .with("missing", missing)
            }
            ExportError::Nothing => {
                Self::invalid(&[InvalidMember::new("", "selects no photos that are not in the trash; select others")])
            }
            ExportError::TooManyJobs => Self::too_many_jobs(),
            ExportError::Storage(_) => cloud_failure(error),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Token(error @ (VerifyError::Missing | VerifyError::Invalid(_))) => Self::new(
                Kind::UNAUTHORIZED,
                "Log in with POST /login and send its `jwt` in the header `Authorization: Bearer …`.",
            )
            .because(error),
            AuthError::Token(error @ VerifyError::Unavailable { .. }) => {
                let seconds = RETRY_AFTER_SECONDS;
                let detail = format!("Try again in {seconds} seconds.");
                Self::new(Kind::UNAVAILABLE, detail).retry_after(seconds).because(error)
            }
            AuthError::UserId(error @ TooLong) => {
                Self::new(Kind::USER_ID_TOO_LONG, "The token's user id is too long. Sign up with POST /signup.")
                    .because(error)
            }
            AuthError::NotAPoolUser => Self::new(
                Kind::NOT_A_POOL_USER,
                "Your account is managed by another issuer. Change its second factor there.",
            ),
            AuthError::NotAnAccessToken => Self::new(
                Kind::ACCESS_TOKEN_REQUIRED,
                "Send the `access_token` of POST /login in the header `Authorization: Bearer …`, not its `jwt`.",
            ),
        }
    }
}

impl From<PoolError> for Problem {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Taken => Self::new(Kind::USERNAME_TAKEN, "Choose another user name."),
            PoolError::WeakPassword(words) => Self::invalid(&[InvalidMember::new("/password", words)]),
            PoolError::WeakNewPassword(words) => Self::invalid(&[InvalidMember::new("/new_password", words)]),
            PoolError::InvalidSignup(words) => Self::invalid(&[InvalidMember::new("", words)]),
            PoolError::WrongCode => Self::invalid(&[InvalidMember::new(
                "/code",
                "is not valid for this user; use the code in the latest email",
            )]),
            PoolError::ExpiredCode => Self::new(Kind::CODE_EXPIRED, "Request a new code and use that one."),
            PoolError::WrongCredentials => Self::new(
                Kind::WRONG_CREDENTIALS,
                "Check the user name and the password. POST /password/forgot replaces a lost password.",
            ),
            PoolError::NotConfirmed => Self::new(
                Kind::NOT_CONFIRMED,
                "Send the code from the email to POST /confirm. POST /confirm/resend sends another code.",
            ),
            PoolError::ResetRequired => Self::new(
                Kind::PASSWORD_RESET_REQUIRED,
                "Request a code with POST /password/forgot and set a new password with POST /password/reset.",
            ),
            PoolError::NewPasswordDue { session } => Self::new(
                Kind::NEW_PASSWORD_DUE,
                "Send the user name, this `session` and a new password to POST /login/new_password.",
            )
            .with("session", session),
            PoolError::MfaRequired { session } => Self::new(
                Kind::MFA_REQUIRED,
                "Send the user name, this `session` and a code of the authenticator app to POST /login/mfa.",
            )
            .with("session", session),
            PoolError::MfaSetupDue { session, enrolment } => Self::new(
                Kind::MFA_SETUP_DUE,
                "Add `secret` or `uri` to an authenticator app. Send the user name, this `session` and a code of the \
                 app to POST /login/mfa/setup.",
            )
            .with("session", session)
            .with("secret", enrolment.secret)
            .with("uri", enrolment.uri),
            PoolError::WrongSecondFactor => Self::new(
                Kind::WRONG_CREDENTIALS,
                "The code is wrong or the session has expired. Try the app's current code, or log in again.",
            ),
            PoolError::WrongMfaCode => Self::invalid(&[InvalidMember::new(
                "/code",
                "is not valid; send the current code of the authenticator app that has the secret of POST /me/mfa",
            )]),
            PoolError::MfaActive => {
                Self::new(Kind::MFA_ACTIVE, "To replace the second factor, end it with DELETE /me/mfa first.")
            }
            PoolError::MfaNotActive => Self::new(Kind::MFA_NOT_ACTIVE, "POST /me/mfa starts to set one up."),
            PoolError::MfaMandatory => {
                Self::new(Kind::MFA_MANDATORY, "This service requires a second factor, so it cannot be ended.")
            }
            PoolError::TokenRefused => Self::new(
                Kind::UNAUTHORIZED,
                "The token was revoked, or the user was deleted or disabled. Log in again with POST /login.",
            ),
            PoolError::UnsupportedChallenge(_) => Self::new(
                Kind::UNSUPPORTED_CHALLENGE,
                "The user pool requires a further step that this service does not support.",
            )
            .because(error),
            PoolError::TooManyTries => Self::new(Kind::TOO_MANY_ATTEMPTS, "Wait a few minutes and try again."),
            PoolError::Service(_) => cloud_failure(error),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Pointer and detail of each invalid member, ordered by pointer.
    pub(crate) fn invalid_members(problem: &Problem) -> Vec<(String, String)> {
        assert_eq!(problem.0.kind, Kind::INVALID);
        let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
        let errors = problem.0.members["errors"].as_array().unwrap().iter();
        let mut invalid: Vec<_> = errors.map(|error| (text(error, "pointer"), text(error, "detail"))).collect();
        invalid.sort_by(|a, b| a.0.cmp(&b.0));
        invalid
    }

    #[test]
    fn a_low_bid_is_refused_with_the_minimum() {
        let refusal = auctions::Refusal::TooLow { highest: None, minimum: 500 };
        let problem = Problem::from(AuctionError::Refused(refusal));
        assert_eq!(problem.0.kind, Kind::BID_TOO_LOW);
        assert_eq!(Value::Object(problem.0.members), json!({"highest_amount": null, "minimum_amount": 500}));
    }

    #[test]
    fn throttling_is_a_503_that_says_when_to_retry() {
        let error = AuctionError::from(CloudError::of_kind(ErrorKind::Throttled, "slow down"));
        let response = Problem::from(error).into_response("r");
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(Problem::from(CloudError::unusable("x")).status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn the_client_never_reads_the_cause() {
        let response = Problem::internal("secret").into_response("r");
        let Body::Text(body) = response.into_body() else { panic!("no text") };
        assert!(!body.contains("secret") && body.contains("\"request_id\":\"r\""), "{body}");
    }

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.name).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
