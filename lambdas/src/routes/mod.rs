//! One file per route: from the request to the domain and back.

pub mod auctions_bid;
pub mod auctions_create;
pub mod auctions_get;
pub mod auctions_list;
pub mod auctions_picture;
pub mod confirm;
pub mod confirm_resend;
pub mod delete;
pub mod download;
pub mod index_images;
pub mod list;
pub mod login;
pub mod login_new_password;
pub mod login_refresh;
pub mod me;
pub mod me_images;
pub mod password_forgot;
pub mod password_reset;
pub mod process_auctions;
pub mod send_mail;
pub mod signup;
pub mod unzip;
pub mod upload_single_photo;
