//! Verifies a token from a test issuer, then shows why others are refused. Needs no network:
//!
//! ```sh
//! cargo run -p layer-jwt --example verify --features test-util
//! ```

#![allow(clippy::print_stdout, reason = "the output is the purpose of an example")]

use std::error::Error;

use layer_jwt::testing::{self, InMemoryKeys, SigningKey, id_claims, with, without};
use layer_jwt::{Issuers, Verifier, token_from_headers, with_sources};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // The issuer's side: a signing key, whose public half is published. A function fetches it with `HttpKeys` instead.
    let key = SigningKey::rs256("key-1");
    let published = InMemoryKeys::new();
    published.publish(testing::POOL, &[&key]);

    // The function's side: the trusted issuers (TRUSTED_ISSUERS) and one verifier for all requests.
    let issuers = Issuers::from_json(testing::TRUSTED_ISSUERS)?;
    let verifier = Verifier::new(&issuers, published.clone());

    let authorization = format!("Bearer {}", key.token(&id_claims("ann")));
    let claims = verifier.verify(token_from_headers(Some(&authorization), None)?).await?;
    println!("accepted: sub {}, user name {:?}, expires at {}", claims.sub, claims.username, claims.exp);

    for (what, token) in [
        ("expired", key.token(&with(id_claims("ann"), "exp", json!(testing::now() - 3600)))),
        ("for another client", key.token(&with(id_claims("ann"), "aud", json!("client-2")))),
        ("without sub", key.token(&without(id_claims("ann"), "sub"))),
        ("signed with another key", SigningKey::rs256("key-1").token(&id_claims("ann"))),
    ] {
        match verifier.verify(&token).await {
            Ok(_) => return Err(format!("the token {what} was accepted").into()),
            Err(error) => println!("refused ({what}): {error}"),
        }
    }

    // An issuer whose keys cannot be fetched is not the client's fault: a function responds with 503, not 401.
    let down = Verifier::new(&issuers, InMemoryKeys::new());
    match down.verify(&key.token(&id_claims("ann"))).await {
        Ok(_) => return Err("a token was accepted without a key".into()),
        Err(error) => println!("unavailable: {}", with_sources(&error)),
    }
    println!("the keys of the pool were fetched {} time(s)", published.fetches());
    Ok(())
}
