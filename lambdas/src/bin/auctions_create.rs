//! `POST /auctions`

use yourplace::{
    auctions::AuctionStore,
    aws,
    config::{optional, required},
    http,
    http::auth::Auth,
    money::Currency,
    routes::auctions_create::AuctionsCreate,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let auctions = AuctionStore::new(aws::dynamodb(&aws), required("AUCTIONS_TABLE")?);
        let currency = optional("CURRENCY", Currency::EUR)?;
        Ok(AuctionsCreate { auth: Auth::from_env()?, auctions, currency, api_url: required("API_URL")? })
    })
    .await
}
