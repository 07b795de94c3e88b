//! Uploads: a raw body, a part of a multipart body, or base64 in JSON.

use std::convert::Infallible;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use lambda_http::Body;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    Problem, Request, header_text, media_type,
    members::{self, json_object, not_an_object},
    problem::InvalidMember,
};

/// Standard base64. Padding is optional because some tools omit it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

crate::members! {
    /// The query parameters of an upload whose body is the file itself.
    pub struct UploadQuery {
        /// The client's name for the file.
        filename: Option<String>,
    }
}

/// An uploaded file.
#[derive(Debug)]
pub struct Upload {
    pub bytes: Bytes,
    /// As the client calls it; empty if the request has no file name.
    pub filename: String,
}

impl Upload {
    /// Reads an upload of at most `limit` bytes. `member` is the name of its part or JSON member.
    ///
    /// # Errors
    /// 400 if the body is empty or malformed, 413 if the upload exceeds `limit`, 422 if the part or member is missing
    /// or is not base64.
    pub async fn read(request: Request, member: &'static str, limit: usize) -> Result<Self, Problem> {
        let upload = match media_type(&request).as_str() {
            "multipart/form-data" => Self::of_multipart(request, member, limit).await?,
            "application/json" => Self::of_json(&request, member)?,
            _ => Self::of_raw(request)?,
        };
        if upload.bytes.len() > limit {
            return Err(Problem::too_large(limit));
        }
        Ok(upload)
    }

    async fn of_multipart(request: Request, member: &'static str, limit: usize) -> Result<Self, Problem> {
        let unreadable =
            |_| Problem::bad_request("The multipart body is malformed. Build it with curl -F or a library.");
        let boundary = multer::parse_boundary(header_text(&request, &header::CONTENT_TYPE)).map_err(unreadable)?;
        // Multipart overhead may exceed the limit; API Gateway's 10 MB bounds it.
        let constraints = multer::Constraints::new()
            .size_limit(multer::SizeLimit::new().for_field(member, u64::try_from(limit).unwrap_or(u64::MAX)));
        let body = stream::iter([Ok::<_, Infallible>(into_bytes(request.into_body()))]);
        let mut parts = multer::Multipart::with_constraints(body, boundary, constraints);
        let mut upload = None;
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            if part.name() != Some(member) {
                continue;
            }
            if upload.is_some() {
                return Err(Problem::bad_request(format!("Send only one part `{member}`.")));
            }
            let filename = part.file_name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(|error| match error {
                multer::Error::FieldSizeExceeded { .. } => Problem::too_large(limit),
                error => unreadable(error),
            })?;
            upload = Some(Self { bytes, filename });
        }
        upload.ok_or_else(|| missing(member))
    }

    fn of_json(request: &Request, member: &'static str) -> Result<Self, Problem> {
        let body = super::body_bytes(request);
        let mut members = json_object(body).ok_or_else(|| not_an_object(body))?;
        let mut errors = Vec::new();
        let filename = match members.remove("filename") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(name)) => name,
            Some(_) => {
                errors.push(InvalidMember::new("/filename", "must be a string"));
                String::new()
            }
        };
        let bytes = match members.remove(member) {
            Some(Value::String(text)) => decode_base64(text.into_bytes()),
            _ => None,
        };
        errors.extend(members.keys().map(|name| InvalidMember::unknown(name)));
        match bytes {
            Some(bytes) if errors.is_empty() => Ok(Self { bytes, filename }),
            Some(_) => Err(Problem::invalid(&errors)),
            None => {
                errors.push(InvalidMember::new(format!("/{member}"), "must be the file as base64 text"));
                Err(Problem::invalid(&errors))
            }
        }
    }

    fn of_raw(request: Request) -> Result<Self, Problem> {
        let filename = match members::read_query::<UploadQuery>(&request)?.filename {
            Some(name) => name,
            None => disposition_filename(header_text(&request, &header::CONTENT_DISPOSITION)).unwrap_or_default(),
        };
        let bytes = into_bytes(request.into_body());
        if bytes.is_empty() {
            return Err(Problem::bad_request(
                "The body is empty. Send the file as the body (curl --data-binary @file).",
            ));
        }
        Ok(Self { bytes, filename })
    }
}

/// Decodes base64 text and ignores whitespace in it. `None` if the text is not base64 or is empty.
#[must_use]
pub fn decode_base64(mut text: Vec<u8>) -> Option<Bytes> {
    text.retain(|byte| !byte.is_ascii_whitespace());
    BASE64.decode(text).ok().filter(|bytes| !bytes.is_empty()).map(Bytes::from)
}

fn into_bytes(body: Body) -> Bytes {
    match body {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    }
}

fn missing(member: &str) -> Problem {
    Problem::invalid(&[InvalidMember::new(format!("/{member}"), "is required")])
}

/// The file name in a `Content-Disposition` header (RFC 6266): `filename*` if it is present and valid, else `filename`.
fn disposition_filename(disposition: &str) -> Option<String> {
    let mut plain = None;
    let mut rest = disposition.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = parameter_value(after.trim_start());
        match name.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                if let Some(name) = extended_value(&value) {
                    return Some(name);
                }
            }
            "filename" => plain = Some(value),
            _ => {}
        }
        match after.split_once(';') {
            Some((_, next)) => rest = next,
            None => return plain,
        }
    }
}

/// A token or a quoted string, and the text after it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, after) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.trim().to_owned(), after);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// An `ext-value` (RFC 8187). Only UTF-8 is supported; other charsets are not in use.
fn extended_value(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next()?;
    let _language = parts.next()?;
    let text = percent_decode_str(parts.next()?).decode_utf8().ok()?;
    charset.eq_ignore_ascii_case("utf-8").then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disposition_names_the_file() {
        for (disposition, expected) in [
            ("attachment", None),
            ("attachment; filename=cat.jpg", Some("cat.jpg")),
            ("attachment; filename=\"a \\\"b\\\"; c.jpg\"; size=3", Some("a \"b\"; c.jpg")),
            ("attachment; filename=\"a.jpg\"; filename*=UTF-8''ma%C3%B1ana.jpg", Some("mañana.jpg")),
            ("attachment; filename*=latin1''x; FileName = b.jpg", Some("b.jpg")),
            ("form-data; name=\"file\"; filename=\"unfinished", Some("unfinished")),
        ] {
            assert_eq!(disposition_filename(disposition).as_deref(), expected, "{disposition}");
        }
    }

    #[test]
    fn base64_may_be_wrapped_and_unpadded() {
        assert_eq!(decode_base64(b"aGVs\r\nbG8".to_vec()).as_deref(), Some(b"hello".as_slice()));
        assert_eq!(decode_base64(b"aGVsbG8=".to_vec()).as_deref(), Some(b"hello".as_slice()));
        assert_eq!(decode_base64(b"a".to_vec()), None);
        assert_eq!(decode_base64(b"".to_vec()), None);
    }
}
