mock_provider "aws" {}

variables {
  name                = "yourplace-test"
  deletion_protection = true
  mfa                 = "optional"
}

run "the_pool_has_the_documented_rules" {
  assert {
    condition = (
      aws_cognito_user_pool.this.name == "yourplace-test" &&
      aws_cognito_user_pool.this.username_configuration[0].case_sensitive == false &&
      toset(aws_cognito_user_pool.this.auto_verified_attributes) == toset(["email"]) &&
      one([for attribute in aws_cognito_user_pool.this.schema : attribute.required if attribute.name == "email"])
    )
    error_message = "User names differ by case, or the email address is not required and verified."
  }

  assert {
    condition = (
      aws_cognito_user_pool.this.password_policy[0].minimum_length == 12 &&
      aws_cognito_user_pool.this.password_policy[0].require_lowercase &&
      aws_cognito_user_pool.this.password_policy[0].require_numbers &&
      !aws_cognito_user_pool.this.password_policy[0].require_symbols &&
      !aws_cognito_user_pool.this.password_policy[0].require_uppercase
    )
    error_message = "The password policy differs."
  }

  assert {
    condition     = [for way in aws_cognito_user_pool.this.account_recovery_setting[0].recovery_mechanism : way.name] == ["verified_email"]
    error_message = "A password can be reset without the email address."
  }
}

run "the_client_has_a_secret_and_does_not_reveal_users" {
  assert {
    condition = (
      aws_cognito_user_pool_client.this.generate_secret &&
      aws_cognito_user_pool_client.this.enable_propagate_additional_user_context_data &&
      toset(aws_cognito_user_pool_client.this.explicit_auth_flows) == toset(["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]) &&
      aws_cognito_user_pool_client.this.prevent_user_existence_errors == "ENABLED" &&
      aws_cognito_user_pool_client.this.enable_token_revocation
    )
    error_message = "The client is public, allows other log-in flows, or reveals whether a user exists."
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
    error_message = "A token has another lifetime."
  }
}

run "the_pool_is_protected" {
  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
    error_message = "The pool could be deleted."
  }
}

run "the_pool_is_not_protected_without_the_variable" {
  variables {
    deletion_protection = false
  }

  assert {
    condition     = aws_cognito_user_pool.this.deletion_protection == "INACTIVE"
    error_message = "The pool could not be deleted."
  }
}

run "users_may_have_a_second_factor" {
  assert {
    condition = (
      aws_cognito_user_pool.this.mfa_configuration == "OPTIONAL" &&
      aws_cognito_user_pool.this.software_token_mfa_configuration[0].enabled
    )
    error_message = "Users cannot have a second factor, or must have one."
  }
}

run "users_must_have_a_second_factor_if_it_is_required" {
  variables {
    mfa = "required"
  }

  assert {
    condition     = aws_cognito_user_pool.this.mfa_configuration == "ON" && aws_cognito_user_pool.this.software_token_mfa_configuration[0].enabled
    error_message = "Users can log in without a second factor."
  }
}

run "another_mfa_setting_is_refused" {
  command = plan

  variables {
    mfa = "off"
  }

  expect_failures = [var.mfa]
}

run "cognito_sends_the_codes_by_default" {
  assert {
    condition     = length(aws_cognito_user_pool.this.email_configuration) == 0
    error_message = "The pool has a sender that nobody verified."
  }
}

run "ses_sends_the_codes_once_the_sender_is_verified" {
  variables {
    mail = { sender = "no-reply@example.org", identity_arn = "arn:aws:ses:eu-central-1:123456789012:identity/no-reply@example.org" }
  }

  assert {
    condition = (
      aws_cognito_user_pool.this.email_configuration[0].email_sending_account == "DEVELOPER" &&
      aws_cognito_user_pool.this.email_configuration[0].from_email_address == "no-reply@example.org" &&
      aws_cognito_user_pool.this.email_configuration[0].source_arn == "arn:aws:ses:eu-central-1:123456789012:identity/no-reply@example.org"
    )
    error_message = "The codes do not come from the stage's sender."
  }
}
