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
    let parameters = request.path_parameters();
    let id = parameters.first("id").filter(|id| id.len() == UUID_CHARACTERS);
    id.and_then(|id| Uuid::try_parse(id).ok()).ok_or_else(Problem::no_such_auction)
}
