//! Photo storage and auctions on AWS Lambda. Each binary of this crate is one function; `functions.json` says when it
//! runs, and what it may do.
//!
//! A request goes one way: `src/bin/<function>.rs` makes the clients, [`http`] reads the request and turns errors into
//! answers, [`routes`] has what is particular to a route, and the domain modules ([`users`], [`photos`], [`archive`],
//! [`index`], [`auctions`], [`mail`]) do the work. They know nothing of HTTP.

pub mod archive;
pub mod auctions;
pub mod authorize;
pub mod aws;
pub mod config;
pub mod events;
pub mod http;
pub mod index;
pub mod mail;
pub mod money;
pub mod photos;
pub mod presign;
pub mod routes;
pub mod telemetry;
pub mod time;
pub mod users;
