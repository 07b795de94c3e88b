//! HTTP routes: each reads a request, calls the domain and makes a response.

pub mod auctions_bid;
pub mod auctions_create;
pub mod auctions_get;
pub mod auctions_list;
pub mod auctions_picture;
pub mod confirm;
pub mod confirm_resend;
pub mod delete;
pub mod download;
pub mod list;
pub mod login;
pub mod login_new_password;
pub mod login_refresh;
pub mod me;
pub mod me_images;
pub mod password_forgot;
pub mod password_reset;
pub mod signup;
pub mod unzip;
pub mod upload_single_photo;
