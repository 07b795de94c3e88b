//! `PATCH /auctions/{id}/picture`

use yourplace::{
    auctions::{AuctionStore, PictureStore},
    aws,
    config::Uploads,
    handlers::http::auctions_picture::AuctionsPicture,
    renditions::Renderer,
    web,
    web::auth::Auth,
};

fn main() -> Result<(), lambda_http::Error> {
    renditions::child::serve();
    serve()
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), lambda_http::Error> {
    web::serve(|| {
        let aws = aws::sdk_config()?;
        let (auctions, pictures) = (AuctionStore::from_env(&aws)?, PictureStore::new(aws::objects(&aws)?));
        let (presigner, uploads, renderer) = (aws::presigner()?, Uploads::from_env()?, Renderer::new());
        Ok(AuctionsPicture { auth: Auth::from_env()?, auctions, pictures, presigner, renderer, uploads })
    })
    .await
}
