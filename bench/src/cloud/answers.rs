//! Responses that are the same for all requests: those of Cognito, SQS and SES, and an auction.

use serde_json::{Value, json};

use super::photos::{Item, USER};
use crate::server::{Answer, answer};

/// The response to an operation of Cognito or SQS. A log-in returns `token`.
pub(super) fn json(operation: &str, token: &str) -> Value {
    match operation {
        "Cognito SignUp" => json!({
            "UserConfirmed": false, "UserSub": "6f2e1c1e-0c0f-4b8e-9d53-0b6a9a4c1d2e",
            "CodeDeliveryDetails": {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"},
        }),
        "Cognito ResendConfirmationCode" | "Cognito ForgotPassword" => json!({
            "CodeDeliveryDetails": {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"},
        }),
        "Cognito DescribeUserPoolClient" => json!({"UserPoolClient": {"ClientSecret": "s".repeat(51)}}),
        "Cognito AdminInitiateAuth" | "Cognito AdminRespondToAuthChallenge" | "Cognito GetTokensFromRefreshToken" => {
            json!({
                "AuthenticationResult": {
                    "IdToken": token, "AccessToken": token,
                    // As long as a real refresh token of the pool.
                    "RefreshToken": "r".repeat(1700),
                    "ExpiresIn": 3600, "TokenType": "Bearer",
                },
                "ChallengeParameters": {},
            })
        }
        "SQS SendMessage" => json!({"MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d"}),
        _ => json!({}),
    }
}

pub(super) fn sent_mail() -> Answer {
    answer(
        hyper::StatusCode::OK,
        "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendEmailResult>\
         <MessageId>0000014a-f4d4</MessageId></SendEmailResult></SendEmailResponse>",
    )
}

/// An auction with the requested id. Ann is both seller and highest bidder, so every request by her succeeds.
pub(super) fn auction(sent: &Value) -> Item {
    let id = sent.pointer("/Key/id/S").and_then(Value::as_str).unwrap_or("019a0000-0000-7000-8000-000000000001");
    let auction = [
        ("id", json!({ "S": id })),
        ("title", json!({"S": "A lamp"})),
        ("description", json!({"S": "Brass, with its shade."})),
        ("status", json!({"S": "OPEN"})),
        ("createdAt", json!({"S": "2026-01-01T00:00:00.000Z"})),
        ("endingAt", json!({"S": "2036-01-01T00:00:00.000Z"})),
        ("seller", json!({ "S": USER })),
        ("sellerName", json!({"S": "ann"})),
        ("sellerEmail", json!({"S": "ann@example.com"})),
        ("currency", json!({"S": "EUR"})),
        ("startingPrice", json!({"N": "100"})),
        ("highestBidId", json!({"S": "019a0000-0000-7000-8000-000000000002"})),
        ("highestBidAmount", json!({"N": "500"})),
        ("highestBidder", json!({ "S": USER })),
        ("highestBidderName", json!({"S": "ann"})),
        ("highestBidderEmail", json!({"S": "ann@example.com"})),
    ];
    auction.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}
