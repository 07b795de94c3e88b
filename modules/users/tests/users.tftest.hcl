mock_provider "aws" {}

variables {
  name                = "yourplace-test"
  deletion_protection = true
}

run "the_pool_is_as_the_contract_says" {
  assert {
    condition = (
      aws_cognito_user_pool.this.name == "yourplace-test" &&
      aws_cognito_user_pool.this.username_configuration[0].case_sensitive == false &&
      toset(aws_cognito_user_pool.this.auto_verified_attributes) == toset(["email"]) &&
      one([for attribute in aws_cognito_user_pool.this.schema : attribute.required if attribute.name == "email"])
    )
    error_message = "User names differ by case, or the mail address is not required and verified."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this.password_policy[0].minimum_length == 12 &&
      aws_cognito_user_pool.this.password_policy[0].require_lowercase &&
      aws_cognito_user_pool.this.password_policy[0].require_numbers &&
      !aws_cognito_user_pool.this.password_policy[0].require_symbols &&
      !aws_cognito_user_pool.this.password_policy[0].require_uppercase
    )
    error_message = "The password policy is another one."
  }

  assert {
    condition     = [for way in aws_cognito_user_pool.this.account_recovery_setting[0].recovery_mechanism : way.name] == ["verified_email"]
    error_message = "A lost password can be replaced by other means than the mail address."
  }
}

run "the_client_is_public_and_gives_nothing_away" {
  assert {
    condition = (
      !aws_cognito_user_pool_client.this.generate_secret &&
      toset(aws_cognito_user_pool_client.this.explicit_auth_flows) == toset(["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]) &&
      aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED" &&
      aws_cognito_user_pool_client.this.enable_token_revocation
    )
    error_message = "The client allows other ways in, or tells whether a user exists."
  }

  assert {
    condition = (
      aws_cognito_user_pool_client.this.id_token_validity == 60 &&
      aws_cognito_user_pool_client.this.access_token_validity == 60 &&
      aws_cognito_user_pool_client.this.refresh_token_validity == 30 &&
      aws_cognito_user_pool_client.this.token_validity_units[0].id_token == "minutes" &&
      aws_cognito_user_pool_client.this.token_validity_units[0].access_token == "minutes" &&
      aws_cognito_user_pool_client.this.token_validity_units[0].refresh_token == "days"
    )
    error_message = "Tokens live for another time."
  }
}

run "it_is_protected" {
  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "The pool could be deleted."
  }
}

run "it_is_not_protected_where_not_asked_for" {
  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE"
    error_message = "The pool could not be deleted."
  }
}
