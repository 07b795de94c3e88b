//! `PATCH /auctions/{id}/picture`

use bytes::Bytes;
use http::StatusCode;

use crate::{
    auctions::{AuctionError, AuctionStore, AuctionView, PictureStore},
    config::Uploads,
    openapi::{Access, Operation},
    photos::PhotoType,
    storage::presign::Presigner,
    time::now,
    web::{
        Problem, Request, Response, Route,
        auth::Auth,
        json,
        path::auction_id,
        problem::Kind,
        upload::{Upload, decode_base64},
    },
};

/// Gives an auction its picture.
pub struct AuctionsPicture {
    pub auth: Auth,
    pub auctions: AuctionStore,
    pub pictures: PictureStore,
    pub presigner: Presigner,
    /// How large a picture may be.
    pub uploads: Uploads,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new(
            "PATCH /auctions/{id}/picture",
            "picture",
            "Auctions",
            Access::Token,
            "Set an auction's picture",
        )
        .id("The auction's id")
        .upload("file", "A photo of at most 4,194,304 bytes, as it is or as base64 text")
        .json::<AuctionView>(200, "The auction with its picture")
        .problems(&[Kind::NOT_THE_SELLER, Kind::NO_SUCH_AUCTION, Kind::AUCTION_CLOSED, Kind::NOT_A_PHOTO]),
    ]
}

impl Route for AuctionsPicture {
    /// The picture is stored first and shown second, and the one it replaces is removed last: what an auction shows is
    /// always there. A process that is ended in between leaves a picture that nothing shows.
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let caller = user.key().as_str();
        let id = auction_id(&request)?;
        let before = self.auctions.changeable_picture(id, caller, now()).await?;
        let (kind, picture) = read(request, self.uploads.max_bytes).await?;
        let key = self.pictures.put(id, kind, picture).await?;
        let now = now();
        match self.auctions.set_picture(id, caller, before, key.clone(), now).await {
            Ok(change) => {
                for unused in &change.unused {
                    self.pictures.discard(unused).await;
                }
                json(StatusCode::OK, &change.auction.show_with_picture(now, &self.presigner)?)
            }
            Err(error) => {
                match error {
                    AuctionError::NotFound
                    | AuctionError::NotSeller
                    | AuctionError::Closed
                    | AuctionError::Refused(_) => self.pictures.discard(&key).await,
                    // The auction may show it.
                    AuctionError::Crowded | AuctionError::Inconsistent(_) | AuctionError::Storage(_) => {}
                }
                Err(error.into())
            }
        }
    }
}

/// Reads a picture of at most `limit` bytes: a photo as it is, or as base64 text. The first bytes tell.
async fn read(request: Request, limit: usize) -> Result<(PhotoType, Bytes), Problem> {
    // As text it is longer than the limit, which counts decoded bytes. Lambda limits the body.
    let upload = Upload::read(request, "file", usize::MAX).await?.bytes;
    let (kind, picture) = match PhotoType::detect(&upload) {
        Some(kind) => (Some(kind), upload),
        None => match decode_text(&upload) {
            Some(decoded) => (PhotoType::detect(&decoded), decoded),
            None => (None, upload),
        },
    };
    if picture.len() > limit {
        return Err(Problem::too_large(limit));
    }
    Ok((kind.ok_or_else(Problem::not_a_photo)?, picture))
}

/// Decodes base64 text; what makes a `data:` address of it (RFC 2397) may stand before.
fn decode_text(text: &[u8]) -> Option<Bytes> {
    let base64 = match text.strip_prefix(b"data:") {
        Some(rest) => rest.get(rest.iter().position(|byte| *byte == b',')? + 1..)?,
        None => text,
    };
    decode_base64(base64.to_vec())
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use http::Request as HttpRequest;
    use lambda_http::Body;

    use super::*;

    const GIF: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

    async fn read_body(content_type: &str, body: impl Into<Body>, limit: usize) -> Result<(PhotoType, Bytes), Problem> {
        let request = HttpRequest::builder().header("content-type", content_type).body(body.into()).unwrap();
        read(request, limit).await
    }

    #[tokio::test]
    async fn a_picture_may_come_in_many_forms() {
        let text = STANDARD.encode(GIF);
        let part = format!("--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n{text}\r\n--b--\r\n");
        for (content_type, body) in [
            ("", Body::Binary(GIF.to_vec())),
            ("application/x-www-form-urlencoded", Body::Binary(GIF.to_vec())),
            ("text/plain", Body::Text(text.clone())),
            ("image/gif", Body::Text(format!("{text}\n"))),
            ("", Body::Text(format!("data:image/gif;base64,{text}"))),
            ("multipart/form-data; boundary=b", Body::Text(part)),
            ("application/json", Body::Text(format!("{{\"file\": \"{text}\"}}"))),
        ] {
            let (kind, picture) = read_body(content_type, body, GIF.len()).await.unwrap();
            assert_eq!((kind, picture.as_ref()), (PhotoType::Gif, GIF), "{content_type}");
        }
    }

    #[tokio::test]
    async fn the_limit_counts_decoded_bytes() {
        assert!(read_body("", STANDARD.encode(GIF), GIF.len()).await.is_ok());
        assert!(read_body("", STANDARD.encode(GIF), GIF.len() - 1).await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_photo_is_refused() {
        for body in ["hello", "aGVsbG8=", "data:image/gif;base64", "BMW is a maker of cars"] {
            assert!(read_body("image/gif", body, 100).await.is_err(), "{body}");
        }
    }
}
