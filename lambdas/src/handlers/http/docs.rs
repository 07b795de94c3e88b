//! `GET /docs`, `GET /docs/{file}` and `GET /openapi.json`

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, RequestExt as _};
use rawzip::{CompressionMethod, ZipArchive};
use serde_json::json;

use crate::{
    openapi::{Access, Operation},
    web::{Problem, Request, Response, Route, problem::Kind},
};

const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

/// The page's URLs are relative to `/docs`, because the path of an API may begin with its stage.
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>yourplace</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"#;

/// Without `validatorUrl: null`, the page would send the document's URL to swagger.io.
const START: &str = r##"SwaggerUIBundle({url: "openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null});
"##;

/// Allows scripts, styles and requests of this origin only, and `data:` for the icons in the style sheet.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const PNG: &str = "image/png";

const FILES: &[&str] = &["favicon-32x32.png", "start.js", "swagger-ui-bundle.js", "swagger-ui.css"];

/// Serves the OpenAPI document and a page that renders it with Swagger UI.
pub struct Docs;

#[must_use]
pub fn operations() -> Vec<Operation> {
    let text = || json!({"type": "string"});
    vec![
        Operation::new("GET /docs", "docs", "Documentation", Access::Public, "Show this document as a page")
            .content(200, "The page", "text/html", &text())
            .response_header(200, "Content-Security-Policy", true),
        Operation::new("GET /docs/{file}", "docsFile", "Documentation", Access::Public, "Get a file of the page")
            .path("file", FILES)
            .content(200, "The file", "text/javascript", &text())
            .content(200, "The file", "text/css", &text())
            .content(200, "The file", "image/png", &json!({"type": "string", "format": "binary"}))
            .problems(&[Kind::NO_SUCH_FILE]),
        Operation::new("GET /openapi.json", "document", "Documentation", Access::Public, "Get this document").content(
            200,
            "The document",
            "application/json",
            &json!({"type": "object"}),
        ),
    ]
}

impl Route for Docs {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let (media_type, body) = match request.path_parameters().first("file") {
            Some("start.js") => (JAVASCRIPT, Body::from(START)),
            Some(file) => vendored(file)?,
            None if request.uri().path().ends_with("/openapi.json") => ("application/json", Body::from(DOCUMENT)),
            None => (HTML, Body::from(PAGE)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::OK;
        for (name, value) in [
            (header::CONTENT_TYPE, media_type),
            (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::CACHE_CONTROL, "public, max-age=3600"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Ok(response)
    }
}

/// A file of Swagger UI. The crate contains its release as a ZIP archive.
fn vendored(file: &str) -> Result<(&'static str, Body), Problem> {
    let unknown = || Problem::new(Kind::NO_SUCH_FILE, "GET /docs links to all files that exist.");
    if !FILES.contains(&file) {
        return Err(unknown());
    }
    let archive = ZipArchive::from_slice(utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED).map_err(Problem::internal)?;
    let suffix = format!("/dist/{file}");
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(Problem::internal)? {
        if !entry.file_path().as_ref().ends_with(suffix.as_bytes()) {
            continue;
        }
        let data = archive.get_entry(entry.wayfinder()).map_err(Problem::internal)?;
        let mut content = Vec::new();
        if entry.compression_method() == CompressionMethod::STORE {
            content.extend_from_slice(data.data());
        } else {
            DeflateDecoder::new(data.data()).read_to_end(&mut content).map_err(Problem::internal)?;
        }
        let text = |content| String::from_utf8(content).map(Body::Text).map_err(Problem::internal);
        return Ok(match file.rsplit_once('.') {
            Some((_, "js")) => (JAVASCRIPT, text(content)?),
            Some((_, "css")) => (CSS, text(content)?),
            _ => (PNG, Body::Binary(content)),
        });
    }
    Err(unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_exists() {
        for file in FILES.iter().filter(|file| **file != "start.js") {
            let (_, body) = vendored(file).unwrap();
            assert!(body.len() > 100, "{file}");
        }
        for file in ["", "index.html", "../README.md", "swagger-ui-bundle.js.map"] {
            assert_eq!(vendored(file).unwrap_err().kind(), &Kind::NO_SUCH_FILE, "{file}");
        }
    }

    #[test]
    fn the_page_refers_to_files_that_exist() {
        let referred: Vec<_> = PAGE.split(['"', '>']).filter_map(|text| text.strip_prefix("docs/")).collect();
        assert_eq!(referred.len(), FILES.len());
        assert!(referred.iter().all(|file| FILES.contains(file)), "{referred:?}");
    }
}
