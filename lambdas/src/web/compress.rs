//! Compressed responses.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};
use lambda_http::Body;

use super::Response;

/// The size from which a body is compressed, in bytes. A page of photos has several hundred thousand, most of them in
/// presigned URLs, which are alike.
const LEAST_BYTES: usize = 4_096;

/// Compresses long JSON with gzip if the client accepts that. A response with an `ETag` stays as it is, because the tag
/// stands for exactly these bytes (RFC 9110, section 8.8.3.3).
pub(super) fn compress(mut response: Response, accepts_gzip: bool) -> Response {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    let Body::Text(text) = response.body() else { return response };
    if !is_json || text.len() < LEAST_BYTES || response.headers().contains_key(header::ETAG) {
        return response;
    }
    let compressed = accepts_gzip.then(|| gzip(text.as_bytes()).ok()).flatten();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(compressed) = compressed {
        *response.body_mut() = Body::Binary(compressed);
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether `Accept-Encoding` names gzip, and does not exclude it.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(',')).any(|coding| {
        let coding = coding.to_ascii_lowercase();
        let (name, weight) = coding.split_once(';').unwrap_or((&coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim() == "gzip" && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    fn accepting(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
        }
        accepts_gzip(&headers)
    }

    #[test]
    fn gzip_is_accepted_where_a_client_names_it() {
        for values in [&["gzip"][..], &["br, GZIP;q=0.5"], &["deflate", "gzip, br"], &["gzip; q=1"]] {
            assert!(accepting(values), "{values:?}");
        }
        for values in [&[][..], &[""], &["br"], &["gzip;Q=0"], &["gzip; q=0.0, br"], &["x-gzipped"]] {
            assert!(!accepting(values), "{values:?}");
        }
    }

    fn json(length: usize) -> Response {
        let mut response = Response::new(Body::Text("a".repeat(length)));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    #[test]
    fn long_json_is_compressed() {
        let response = compress(json(LEAST_BYTES), true);
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        let Body::Binary(bytes) = response.body() else { panic!("not compressed") };
        assert!(bytes.len() < 200);
        let mut unpacked = String::new();
        GzDecoder::new(bytes.as_slice()).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, "a".repeat(LEAST_BYTES));
    }

    #[test]
    fn other_responses_stay_as_they_are() {
        let mut tagged = json(LEAST_BYTES);
        tagged.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"1\""));
        let untyped = Response::new(Body::Text("a".repeat(LEAST_BYTES)));
        for (response, accepts) in
            [(json(LEAST_BYTES - 1), true), (tagged, true), (untyped, true), (json(LEAST_BYTES), false)]
        {
            let response = compress(response, accepts);
            assert!(matches!(response.body(), Body::Text(_)));
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        }
        assert_eq!(compress(json(LEAST_BYTES), false).headers()[header::VARY], "accept-encoding");
    }
}
