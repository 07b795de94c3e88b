//! `PATCH /auctions/{id}/picture`

use yourplace::{
    auctions::{AuctionStore, PictureStore},
    aws,
    config::{Uploads, required},
    http,
    http::auth::Auth,
    routes::auctions_picture::AuctionsPicture,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    http::serve(|| {
        let aws = aws::sdk_config()?;
        let auctions = AuctionStore::new(aws::dynamodb(&aws), required("AUCTIONS_TABLE")?);
        let bucket = required("BUCKET")?;
        let presigner = aws::presigner(&bucket)?;
        let pictures = PictureStore::new(aws::s3(&aws), bucket);
        Ok(AuctionsPicture { auth: Auth::from_env()?, auctions, pictures, presigner, uploads: Uploads::from_env()? })
    })
    .await
}
