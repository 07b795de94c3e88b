//! The client that sent a request, as Cognito needs it. With threat protection, Cognito assesses the risk of a log-in
//! by its address and headers.

use aws_sdk_cognitoidentityprovider::types::{ContextDataType, HttpHeader, UserContextDataType};

/// The name of this service, where Cognito asks for the server that a client called.
const SERVER: &str = "yourplace";

/// Who sent a request, as far as the gateway can tell.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The IP address; `None` without a gateway.
    pub address: Option<String>,
    pub user_agent: Option<String>,
    /// The path of the request.
    pub path: String,
}

impl Caller {
    /// For operations that anyone may call. Cognito accepts it only from a client with a secret.
    pub(super) fn user_context(&self) -> Option<UserContextDataType> {
        let address = self.address.as_deref()?;
        Some(UserContextDataType::builder().ip_address(address).build())
    }

    /// For operations that need an IAM permission.
    pub(super) fn admin_context(&self) -> Option<ContextDataType> {
        let headers = self
            .user_agent
            .iter()
            .map(|agent| HttpHeader::builder().header_name("User-Agent").header_value(agent).build());
        let context = ContextDataType::builder()
            .ip_address(self.address.as_deref()?)
            .server_name(SERVER)
            .server_path(&self.path)
            .set_http_headers(Some(headers.collect()));
        context.build().ok()
    }
}
