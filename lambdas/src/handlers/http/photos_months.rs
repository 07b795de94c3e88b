//! `GET /photos/months`

use http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    openapi::{Access, Operation},
    photos::Library,
    web::{Problem, Request, Response, Route, auth::Auth, json},
};

/// Counts the caller's photos by month.
pub struct PhotosMonths {
    pub auth: Auth,
    pub library: Library,
}

#[derive(Serialize, JsonSchema)]
struct Months {
    /// Newest first. Months without photos are left out.
    months: Vec<Month>,
}

#[derive(Serialize, JsonSchema)]
struct Month {
    /// `YYYY-MM`.
    month: String,
    /// The number of photos that were taken in this month.
    count: u64,
}

#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("GET /photos/months", "months", "Photos", Access::Token, "Count photos by month")
            .json::<Months>(200, "The months in which photos were taken"),
    ]
}

impl Route for PhotosMonths {
    async fn handle(&self, request: Request) -> Result<Response, Problem> {
        let user = self.auth.caller(request.headers()).await?;
        let months = self.library.months(user.key()).await?;
        let months = months.into_iter().map(|(month, count)| Month { month, count }).collect();
        json(StatusCode::OK, &Months { months })
    }
}
