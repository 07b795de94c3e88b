//! `POST /auctions`

use yourplace::{
    auctions::AuctionStore,
    aws,
    config::{optional, required},
    handlers::http::auctions_create::AuctionsCreate,
    money::Currency,
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let auctions = AuctionStore::from_env(&aws::sdk_config()?)?;
        let currency = optional("CURRENCY", Currency::EUR)?;
        Ok(AuctionsCreate { auth: Auth::from_env()?, auctions, currency, api_url: required("API_URL")? })
    })
    .await
}
