//! `GET /me` and `PUT /me`

use http::{Method, StatusCode};
use serde::Serialize;

use crate::{
    index::{PhotoIndexStore, Totals},
    users::{Record, Records},
    web::{Problem, Request, Response, Route, auth::Auth, fields::Fields, json},
};

const MAX_DISPLAY_NAME_CHARS: usize = 100;

/// Shows the caller's record, or changes it.
pub struct Me {
    pub auth: Auth,
    pub records: Records,
    pub dictionaries: PhotoIndexStore,
}

/// The record, with what is not kept in it: the mail address is the token's, the totals are the dictionary's.
#[derive(Serialize)]
struct Shown<'a> {
    user: &'a str,
    email: Option<&'a str>,
    display_name: Option<&'a str>,
    created_at: &'a str,
    images: Totals,
}

impl Route for Me {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let record = async {
            if request.method() == Method::PUT {
                let display_name = read_display_name(&request)?;
                Ok(self.records.change(user.key(), |record| record.display_name.clone_from(&display_name)).await?)
            } else {
                Ok::<_, Problem>(self.records.get(user.key()).await?)
            }
        };
        let totals = async { Ok(self.dictionaries.totals(user.key()).await?) };
        let (record, images) = tokio::try_join!(record, totals)?;
        let Record { user: name, display_name, created_at } = &record;
        let shown =
            Shown { user: name, email: user.email(), display_name: display_name.as_deref(), created_at, images };
        json(StatusCode::OK, &shown)
    }
}

fn read_display_name(request: &Request) -> Result<Option<String>, Problem> {
    let mut fields = Fields::read_json(request)?;
    let name = fields.text_or_null("display_name");
    if name.as_ref().is_some_and(|name| name.chars().count() > MAX_DISPLAY_NAME_CHARS) {
        fields.refuse("display_name", "must be 1 to 100 characters, or null");
    }
    fields.finish()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use lambda_http::Body;

    use super::*;

    fn read(body: &str) -> Result<Option<String>, Problem> {
        read_display_name(&Request::new(Body::from(body)))
    }

    #[test]
    fn a_display_name_has_1_to_100_characters_or_is_null() {
        assert_eq!(read("{\"display_name\": \"Ann 🐈\"}").unwrap().as_deref(), Some("Ann 🐈"));
        assert_eq!(read("{\"display_name\": null}").unwrap(), None);
        let longest = "é".repeat(100);
        assert_eq!(read(&format!("{{\"display_name\": \"{longest}\"}}")).unwrap(), Some(longest));
        for wrong in ["{}", "{\"display_name\": \"\"}", "{\"display_name\": 7}", "", "[]", "display_name=Ann"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&format!("{{\"display_name\": \"{}\"}}", "a".repeat(101))).is_err());
    }
}
