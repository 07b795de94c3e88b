//! Parameters in a route's path.

use lambda_http::RequestExt as _;
use uuid::Uuid;

use super::{Problem, Request};
use crate::photos::PhotoName;

/// The length of a UUID with hyphens, the only form of ids that the service returns.
const UUID_CHARACTERS: usize = 36;

/// The id of the auction: `{id}` in the path.
///
/// # Errors
/// 404 if it is not a UUID: no auction has such an id.
pub fn auction_id(request: &Request) -> Result<Uuid, Problem> {
    id(request).ok_or_else(Problem::no_such_auction)
}

/// The upload's id, `{id}` in the path.
///
/// # Errors
/// 404 if it is not a UUID: no upload has such an id.
pub fn upload_id(request: &Request) -> Result<Uuid, Problem> {
    id(request).ok_or_else(Problem::no_such_upload)
}

/// The photos that `{filename}` in the path may name: at most two, and none if no photo can have the name.
///
/// A gateway decodes the path, but some leave `%25` as it is. So a name with `%25` is tried as it came, then decoded.
/// Both cannot be photos: the timestamps of two names differ.
#[must_use]
pub fn photo_names(request: &Request) -> Vec<PhotoName> {
    let parameters = request.path_parameters();
    let name = parameters.first("filename").unwrap_or_default();
    let decoded = Some(name.replace("%25", "%")).filter(|decoded| decoded != name);
    [Some(name.to_owned()), decoded].into_iter().flatten().filter_map(|name| PhotoName::parse(&name).ok()).collect()
}

/// The job's id, `{id}` in the path.
///
/// # Errors
/// 404 if it is not a UUID: no job has such an id.
pub fn job_id(request: &Request) -> Result<Uuid, Problem> {
    id(request).ok_or_else(Problem::no_such_job)
}

fn id(request: &Request) -> Option<Uuid> {
    let parameters = request.path_parameters();
    let id = parameters.first("id").filter(|id| id.len() == UUID_CHARACTERS)?;
    Uuid::try_parse(id).ok()
}
