use aws_sdk_dynamodb::{Client, types::ReturnValue};
use aws_types::SdkConfig;

use super::{HANDLE_PREFIX, User, UserKey};
use crate::{
    aws,
    config::{ConfigError, required},
    storage::{
        CloudError,
        table::{required as attribute, text},
    },
};

/// The alphabet of base32 (RFC 4648, 6), in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// The random characters of a generated handle: 50 bits.
const RANDOM_CHARS: usize = 10;

/// The names that others see. Generated ones are kept in the table `library`, as the item `handle` of their user.
#[derive(Clone, Debug)]
pub struct Handles {
    dynamodb: Client,
    table: String,
}

impl Handles {
    /// The table that `LIBRARY_TABLE` names.
    ///
    /// # Errors
    /// If the variable is not set.
    pub fn from_env(aws: &SdkConfig) -> Result<Self, ConfigError> {
        Ok(Self { dynamodb: aws::dynamodb(aws), table: required("LIBRARY_TABLE")? })
    }

    /// The name that others see: the user name if it is public, else a generated one, which stays the same. A public
    /// user name costs no request.
    ///
    /// A name is for people to read. It identifies nobody: only the user's key does.
    ///
    /// # Errors
    /// Any [`CloudError`]; a name may be generated and kept nevertheless.
    pub async fn handle(&self, user: &User) -> Result<String, CloudError> {
        match user.public_username() {
            Some(name) => Ok(name),
            None => self.get_or_create(user.key()).await,
        }
    }

    /// The stored handle. The first of several concurrent calls sets it, and all return that one.
    async fn get_or_create(&self, user: &UserKey) -> Result<String, CloudError> {
        let mut random = [0; RANDOM_CHARS];
        getrandom::fill(&mut random).map_err(|error| CloudError::caused("no random bytes", error))?;
        let updated = self
            .dynamodb
            .update_item()
            .table_name(&self.table)
            .key("user", text(user.as_str()))
            .key("item", text("handle"))
            .update_expression("SET handle = if_not_exists(handle, :new)")
            .expression_attribute_values(":new", text(generate(random)))
            .return_values(ReturnValue::AllNew)
            .send()
            .await?;
        let item = updated.attributes().ok_or_else(|| CloudError::unusable("an update returned no item"))?;
        Ok(attribute(item, "handle", |handle| Some(handle.to_owned()))?)
    }
}

/// A handle: five bits of each byte are a character.
fn generate(random: [u8; RANDOM_CHARS]) -> String {
    let characters = random.iter().filter_map(|byte| BASE32.get(usize::from(byte % 32)).copied().map(char::from));
    HANDLE_PREFIX.chars().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_handle_is_user_and_ten_base32_characters() {
        assert_eq!(generate([0; 10]), "user-aaaaaaaaaa");
        assert_eq!(generate([255; 10]), "user-7777777777");
        assert_eq!(generate([0, 1, 25, 26, 31, 32, 64, 128, 129, 255]), "user-abz27aaab7");
    }

    #[test]
    fn each_character_takes_32_values() {
        for place in 0..10 {
            let handles: BTreeSet<_> = (0..=255)
                .map(|byte| {
                    let mut random = [0; 10];
                    random[place] = byte;
                    generate(random)
                })
                .collect();
            assert_eq!(handles.len(), 32);
        }
    }
}
