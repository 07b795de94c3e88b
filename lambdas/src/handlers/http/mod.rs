//! HTTP routes. Each reads a request, calls the domain and builds a response. Its function `operations` describes it
//! for the OpenAPI document.

use crate::openapi::Operation;

/// Declares the routes' modules and collects their operations, so that there is one list of routes.
macro_rules! routes {
    ($($module:ident,)*) => {
        $(pub mod $module;)*

        /// Every operation of every route.
        #[must_use]
        pub fn operations() -> Vec<Operation> {
            [$($module::operations()),*].into_iter().flatten().collect()
        }
    };
}

routes! {
    auctions_bid,
    auctions_create,
    auctions_get,
    auctions_list,
    auctions_picture,
    confirm,
    confirm_resend,
    delete,
    docs,
    download,
    exports_create,
    jobs_cancel,
    jobs_entries,
    jobs_get,
    jobs_list,
    list,
    login,
    login_mfa,
    login_mfa_setup,
    login_new_password,
    login_refresh,
    logout,
    me,
    me_images,
    me_mfa,
    me_mfa_confirm,
    password_forgot,
    password_reset,
    photos_change,
    photos_delete,
    photos_get,
    photos_list,
    photos_months,
    photos_restore,
    signup,
    trash_empty,
    unzip,
    upload_single_photo,
    uploads_cancel,
    uploads_complete,
    uploads_create,
    uploads_get,
    uploads_list,
    uploads_parts,
}
