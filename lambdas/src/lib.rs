//! Photo storage and auctions on AWS Lambda. Each binary of this crate, and of the crate `renditions`, is one function.
//! The manifest, `service.json`, says what starts it and what it may do.
//!
//! A request takes one path: `src/bin/<function>.rs` creates the clients, [`web`] reads the request and makes
//! responses, [`handlers`] has the code of each route, and the domain modules ([`users`], [`photos`], [`archive`],
//! [`uploads`], [`jobs`], [`renditions`], [`index`], [`repair`], [`auctions`], [`mail`]) do the work on [`storage`].
//! The domain knows nothing about HTTP.

pub mod archive;
pub mod auctions;
pub mod authorize;
pub mod aws;
pub mod config;
pub mod handlers;
pub mod hex;
pub mod index;
pub mod jobs;
pub mod mail;
pub mod money;
pub mod openapi;
pub mod photos;
pub mod renditions;
pub mod repair;
pub mod storage;
pub mod telemetry;
pub mod time;
pub mod uploads;
pub mod users;
pub mod web;
