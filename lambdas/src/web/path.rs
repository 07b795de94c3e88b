//! Parameters in a route's path.

use lambda_http::RequestExt as _;
use uuid::Uuid;

use super::{Problem, Request};

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

fn id(request: &Request) -> Option<Uuid> {
    let parameters = request.path_parameters();
    let id = parameters.first("id").filter(|id| id.len() == UUID_CHARACTERS)?;
    Uuid::try_parse(id).ok()
}
