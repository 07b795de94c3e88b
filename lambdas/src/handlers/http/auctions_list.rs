//! `GET /auctions`

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    auctions::{AuctionStore, AuctionView, Position, Status},
    openapi::{Access, Operation},
    storage::presign::Presigner,
    time::{now, rfc3339},
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        members::{self, Detail, Limit, Member},
    },
};

const DEFAULT_LIMIT: u16 = 20;
const MAX_LIMIT: u16 = 100;

/// Lists auctions, soonest end first.
pub struct AuctionsList {
    pub auth: Auth,
    pub auctions: AuctionStore,
    pub presigner: Presigner,
}

crate::members! {
    struct Selection {
        status: Status,
        limit: Limit<DEFAULT_LIMIT, MAX_LIMIT>,
        /// The `cursor` of the previous page.
        cursor: Option<String>,
    }
}

impl Member for Status {
    fn from_json(value: Value) -> Result<Self, Detail> {
        value.as_str().and_then(Self::parse).ok_or_else(|| "must be OPEN or CLOSED".into())
    }

    fn absent() -> Option<Self> {
        Some(Self::Open)
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"enum": [Self::Open, Self::Closed], "default": Self::Open})
    }
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuctionPage")]
struct Listed {
    auctions: Vec<AuctionView>,
    /// Send this to get the next page; null on the last page.
    cursor: Option<String>,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /auctions", "auctions", "Auctions", Access::Token, "List auctions, soonest end first")
            .query::<Selection>(true)
            .json::<Listed>(200, "A page of auctions"),
    ]
}

impl Route for AuctionsList {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        self.auth.caller(request.headers()).await?;
        let Selection { status, limit, cursor: after } = members::read_query(&request)?;
        let after = after.as_deref().map(|cursor| parse_cursor(cursor, status)).transpose()?;
        let now = now();
        let page = self.auctions.list(status, now, limit.get(), after).await?;
        let auctions = page.auctions.into_iter().map(|auction| auction.show_with_picture(now, &self.presigner));
        let auctions = auctions.collect::<Result<_, _>>()?;
        let cursor = page.next.map(|position| cursor(status, position));
        json(StatusCode::OK, &Listed { auctions, cursor })
    }
}

/// A cursor is a position in the list of one status. Everybody may read both lists completely, so a forged cursor only
/// reaches another position in the requested list.
fn cursor(status: Status, position: Position) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {} {}", status.as_str(), rfc3339(position.ending_at), position.id))
}

fn parse_cursor(text: &str, status: Status) -> Result<Position, Problem> {
    let position = || {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = decoded.splitn(3, ' ');
        let of_list = Status::parse(parts.next()?)?;
        let position = Position { ending_at: parts.next()?.parse().ok()?, id: Uuid::try_parse(parts.next()?).ok()? };
        // Accept only what `cursor` generates, because the position becomes part of a key.
        (of_list == status && cursor(status, position) == text).then_some(position)
    };
    position().ok_or_else(|| {
        Problem::bad_request("This `cursor` does not belong to this list. Send its `status`, or leave the cursor out.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position() -> Position {
        Position { ending_at: "2026-11-21T02:03:04.056Z".parse().unwrap(), id: Uuid::nil() }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        for status in [Status::Open, Status::Closed] {
            assert_eq!(parse_cursor(&cursor(status, position()), status).unwrap(), position());
        }
    }

    #[test]
    fn a_cursor_is_valid_for_one_list_only() {
        assert!(parse_cursor(&cursor(Status::Closed, position()), Status::Open).is_err());
        assert!(parse_cursor(&cursor(Status::Open, position()), Status::Closed).is_err());
    }

    #[test]
    fn other_cursors_are_refused() {
        let of = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let nil = Uuid::nil();
        for text in [
            "x".to_owned(),
            of(""),
            of("OPEN"),
            of("OPEN 2026-11-21T02:03:04.056Z"),
            of("OPEN 2026-11-21T02:03:04.056Z x"),
            of(&format!("OPEN yesterday {nil}")),
            of(&format!("OPEN 2026-11-21T02:03:04Z {nil}")),
            of(&format!("OPEN 2026-11-21T03:03:04.056+01:00 {nil}")),
            of(&format!("OPEN 2026-11-21T02:03:04.056Z {nil} ")),
            of(&format!("open 2026-11-21T02:03:04.056Z {nil}")),
        ] {
            assert!(parse_cursor(&text, Status::Open).is_err(), "{text}");
        }
    }
}
