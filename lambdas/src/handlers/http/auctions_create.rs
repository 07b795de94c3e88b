//! `POST /auctions`

use http::StatusCode;
use serde_json::{Map, Value};

use crate::{
    auctions::{Auction, AuctionView, NewAuction, Opening, Party},
    money::Currency,
    openapi::{Access, Operation},
    time::now,
    users::Handles,
    web::{Problem, Request, Response, Route, auth::Auth, json, problem::Kind, schema, with_location},
};

/// Opens an auction.
pub struct AuctionsCreate {
    pub auth: Auth,
    pub opening: Opening,
    pub handles: Handles,
    /// The currency of new auctions.
    pub currency: Currency,
    /// The URL of the API, with its stage and without a trailing slash.
    pub api_url: String,
}

/// Validates the body.
#[jsonschema::validator(
    path = "src/handlers/http/auctions_create.schema.json",
    methods = { is_valid = false, validate = false, iter_errors = true }
)]
struct Body;

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("POST /auctions", "createAuction", "Auctions", Access::Token, "Open an auction")
            .checked_body(include_str!("auctions_create.schema.json"))
            .json::<AuctionView>(201, "The new auction")
            .location(201, "auction", "id", "$response.body#/id")
            .problems(&[Kind::EMAIL_REQUIRED, Kind::TOO_MANY]),
    ]
}

impl Route for AuctionsCreate {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let email = user.email().ok_or_else(Problem::email_required)?;
        let new = read(schema::members(&request)?)?;
        let seller = Party::new(&user, email, &self.handles).await?;
        let now = now();
        let auction = Auction::new(new, seller, self.currency, now);
        self.opening.open(user.key(), &auction).await?;
        let location = format!("{}/auctions/{}", self.api_url, auction.id);
        with_location(json(StatusCode::CREATED, &auction.show(now, None))?, &location)
    }
}

/// Trims the title before the validation, because a schema cannot.
fn read(mut members: Map<String, Value>) -> Result<NewAuction, Problem> {
    if let Some(Value::String(title)) = members.get_mut("title") {
        *title = title.trim().to_owned();
    }
    schema::read(Body::iter_errors, members)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{money::Amount, web::problem::tests::invalid_members};

    fn read_body(body: Value) -> Result<NewAuction, Problem> {
        let Value::Object(members) = body else { unreachable!() };
        read(members)
    }

    #[test]
    fn a_title_is_enough() {
        let new = read_body(json!({"title": "  A lamp\n"})).unwrap();
        assert_eq!(
            new,
            NewAuction {
                title: "A lamp".to_owned(),
                description: None,
                starting_price: Amount::default(),
                duration_minutes: 60
            }
        );
    }

    #[test]
    fn limits_count_characters_of_the_trimmed_title() {
        assert!(read_body(json!({"title": format!(" {} ", "é".repeat(100))})).is_ok());
        assert!(read_body(json!({"title": "é".repeat(101)})).is_err());
        assert!(read_body(json!({"title": "x", "description": "é".repeat(2000)})).is_ok());
        assert!(read_body(json!({"title": "x", "description": "é".repeat(2001)})).is_err());
    }

    #[test]
    fn whole_numbers_may_be_written_as_json_schema_allows() {
        let new = read_body(json!({"title": "x", "starting_price": 1e2, "duration_minutes": 60.0})).unwrap();
        assert_eq!((new.starting_price.get(), new.duration_minutes), (100, 60));
        let new = read_body(json!({"title": "x", "starting_price": Amount::MAX, "duration_minutes": 10_080})).unwrap();
        assert_eq!((new.starting_price, new.duration_minutes), (Amount::MAX, 10_080));
    }

    #[test]
    fn every_invalid_member_is_listed() {
        let wrong = read_body(json!({
            "title": " \t", "description": 5, "starting_price": -1, "duration_minutes": 10081, "a/b~c": true,
        }));
        assert_eq!(
            invalid_members(&wrong.unwrap_err()),
            [
                ("/a~1b~0c", "is unknown; remove it"),
                ("/description", "must be null or a string"),
                ("/duration_minutes", "must be at most 10080"),
                ("/starting_price", "must be at least 0"),
                ("/title", "must not be empty or blank"),
            ]
            .map(|(pointer, detail)| (pointer.to_owned(), detail.to_owned()))
        );
    }

    #[test]
    fn wrong_values_are_refused() {
        for (member, value, detail) in [
            ("title", json!(null), "must be a string"),
            ("title", json!("x".repeat(101)), "must have at most 100 characters"),
            ("starting_price", json!(0.5), "must be a whole number"),
            ("starting_price", json!("5"), "must be a whole number"),
            ("starting_price", json!(null), "must be a whole number"),
            ("starting_price", json!(9_007_199_254_740_992_u64), "must be at most 9007199254740991"),
            ("starting_price", json!(1e300), "must be at most 9007199254740991"),
            ("duration_minutes", json!(0), "must be at least 1"),
            ("duration_minutes", json!([60]), "must be a whole number"),
        ] {
            let mut body = json!({"title": "x"});
            body[member] = value;
            let wrong = invalid_members(&read_body(body).unwrap_err());
            assert_eq!(wrong, [(format!("/{member}"), detail.to_owned())]);
        }
        let missing = invalid_members(&read_body(json!({})).unwrap_err());
        assert_eq!(missing, [("/title".to_owned(), "is required".to_owned())]);
    }
}
