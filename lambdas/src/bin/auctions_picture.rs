//! `PATCH /auctions/{id}/picture`

use yourplace::{
    auctions::{AuctionStore, PictureStore},
    aws,
    config::Uploads,
    handlers::http::auctions_picture::AuctionsPicture,
    web,
    web::auth::Auth,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let aws = aws::sdk_config()?;
        let (auctions, pictures) = (AuctionStore::from_env(&aws)?, PictureStore::new(aws::objects(&aws)?));
        let (presigner, uploads) = (aws::presigner()?, Uploads::from_env()?);
        Ok(AuctionsPicture { auth: Auth::from_env()?, auctions, pictures, presigner, uploads })
    })
    .await
}
