//! Responses of SES and of the services with JSON APIs.

use hyper::{StatusCode, body::Bytes, header::HeaderValue};
use serde_json::{Value, json};

use crate::server::{Answer, answer};

/// The response to an operation of Cognito, DynamoDB or SQS. A log-in returns `token`.
pub(super) fn json(operation: &str, sent: &Bytes, token: &str) -> Answer {
    let found = match operation {
        "Cognito SignUp" => json!({
            "UserConfirmed": false, "UserSub": "6f2e1c1e-0c0f-4b8e-9d53-0b6a9a4c1d2e",
            "CodeDeliveryDetails": {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"},
        }),
        "Cognito ResendConfirmationCode" | "Cognito ForgotPassword" => json!({
            "CodeDeliveryDetails": {"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "a***@e***"},
        }),
        "Cognito AdminInitiateAuth" | "Cognito AdminRespondToAuthChallenge" => json!({
            "AuthenticationResult": {
                "IdToken": token, "AccessToken": token,
                // As long as a real refresh token of the pool.
                "RefreshToken": "r".repeat(1700),
                "ExpiresIn": 3600, "TokenType": "Bearer",
            },
            "ChallengeParameters": {},
        }),
        "DynamoDB UpdateItem" => json!({"Attributes": auction(sent)}),
        "DynamoDB GetItem" => json!({"Item": auction(sent)}),
        "DynamoDB Query" => json!({"Items": [auction(sent)], "Count": 1, "ScannedCount": 1}),
        _ => json!({}),
    };
    let mut answer = answer(StatusCode::OK, found.to_string());
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert("x-amzn-requestid", HeaderValue::from_static("b25f48e8-84fd-11e6-80d9-574e0c4664cb"));
    answer
}

pub(super) fn sent_mail() -> Answer {
    answer(
        StatusCode::OK,
        "<SendEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendEmailResult>\
         <MessageId>0000014a-f4d4</MessageId></SendEmailResult></SendEmailResponse>",
    )
}

/// An auction with the requested id. Ann is both seller and highest bidder, so every request by her succeeds.
fn auction(sent: &Bytes) -> Value {
    let sent: Value = serde_json::from_slice(sent).unwrap_or_default();
    let id = sent.pointer("/Key/id/S").and_then(Value::as_str).unwrap_or("019a0000-0000-7000-8000-000000000001");
    json!({
        "id": {"S": id}, "title": {"S": "A lamp"}, "description": {"S": "Brass, with its shade."},
        "status": {"S": "OPEN"}, "createdAt": {"S": "2026-01-01T00:00:00.000Z"},
        "endingAt": {"S": "2036-01-01T00:00:00.000Z"}, "seller": {"S": "ann"}, "sellerName": {"S": "ann"},
        "sellerEmail": {"S": "ann@example.com"}, "currency": {"S": "EUR"}, "startingPrice": {"N": "100"},
        "highestBidId": {"S": "019a0000-0000-7000-8000-000000000002"}, "highestBidAmount": {"N": "500"},
        "highestBidder": {"S": "ann"}, "highestBidderName": {"S": "ann"},
        "highestBidderEmail": {"S": "ann@example.com"},
    })
}
