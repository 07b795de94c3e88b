//! `PATCH /auctions/{id}/picture`

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::StatusCode;

use crate::{
    auctions::{AuctionError, AuctionStore, AuctionView, PictureStore},
    config::Uploads,
    openapi::{Access, Operation},
    photos::PhotoType,
    renditions::Renderer,
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

/// Sets the picture of an auction.
pub struct AuctionsPicture {
    pub auth: Auth,
    pub auctions: AuctionStore,
    pub pictures: PictureStore,
    pub presigner: Presigner,
    pub renderer: Renderer,
    /// The limit on the size of a picture.
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
        .upload("file", "A photo of at most 4,194,304 bytes, raw or as base64 text")
        .json::<AuctionView>(200, "The auction with its picture")
        .problems(&[Kind::NOT_THE_SELLER, Kind::NO_SUCH_AUCTION, Kind::AUCTION_CLOSED, Kind::NOT_A_PHOTO]),
    ]
}

impl Route for AuctionsPicture {
    /// Makes a thumbnail of the photo, which has no metadata: nobody else sees the photo itself, and it is not stored.
    /// Then stores the new picture, then makes the auction show it, then deletes the old one. So the picture that an
    /// auction shows always exists. A process that is killed in between leaves an object that no auction shows.
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let caller = user.key().as_str();
        let id = auction_id(&request)?;
        let before = self.auctions.changeable_picture(id, caller, now()).await?;
        let photo = read(request, self.uploads.max_bytes).await?;
        let seen = self.renderer.render(stream::iter([Ok::<_, Infallible>(photo)])).await?;
        let rendered = seen.rendered.map_err(|reason| {
            tracing::info!(reason, "not a picture");
            Problem::not_a_photo()
        })?;
        let key = self.pictures.put(id, rendered.thumbnail.into()).await?;
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
                    | AuctionError::Refused(_)
                    | AuctionError::TooMany => self.pictures.discard(&key).await,
                    // The auction may already show the new picture.
                    AuctionError::Crowded | AuctionError::Inconsistent(_) | AuctionError::Storage(_) => {}
                }
                Err(error.into())
            }
        }
    }
}

/// Reads a photo of at most `limit` bytes: raw bytes or base64 text. The first bytes decide which.
async fn read(request: Request, limit: usize) -> Result<Bytes, Problem> {
    // Base64 text may exceed the limit, which counts decoded bytes. Lambda's own limit bounds the body.
    let upload = Upload::read(request, "file", usize::MAX).await?.bytes;
    let photo = match PhotoType::detect(&upload) {
        Some(_) => upload,
        None => decode_text(&upload).unwrap_or(upload),
    };
    if photo.len() > limit {
        return Err(Problem::too_large(limit));
    }
    PhotoType::detect(&photo).map(|_| photo).ok_or_else(Problem::not_a_photo)
}

/// Decodes base64 text, which may be a `data:` URL (RFC 2397).
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

    async fn read_body(content_type: &str, body: impl Into<Body>, limit: usize) -> Result<Bytes, Problem> {
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
            assert_eq!(read_body(content_type, body, GIF.len()).await.unwrap(), GIF, "{content_type}");
        }
    }

    #[tokio::test]
    async fn the_limit_counts_decoded_bytes() {
        assert!(read_body("", STANDARD.encode(GIF), GIF.len()).await.is_ok());
        assert!(read_body("", STANDARD.encode(GIF), GIF.len() - 1).await.is_err());
    }

    #[tokio::test]
    async fn anything_but_a_photo_is_refused() {
        for body in ["hello", "aGVsbG8=", "data:image/gif;base64", "BMW is a maker of cars"] {
            assert!(read_body("image/gif", body, 100).await.is_err(), "{body}");
        }
    }
}
