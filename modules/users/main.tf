resource "aws_cognito_user_pool" "this" {
  name                     = var.name
  deletion_protection      = var.deletion_protection ? "ACTIVE" : "INACTIVE"
  auto_verified_attributes = ["email"]
  mfa_configuration        = { optional = "OPTIONAL", required = "ON" }[var.mfa]

  # Ann and ann are one user.
  username_configuration {
    case_sensitive = false
  }

  schema {
    name                = "email"
    attribute_data_type = "String"
    required            = true
    mutable             = true

    string_attribute_constraints {
      min_length = "0"
      max_length = "2048"
    }
  }

  # Codes of an authenticator app. Text messages cost money and can be intercepted.
  software_token_mfa_configuration {
    enabled = true
  }

  # Length rather than composition, as NIST SP 800-63B recommends.
  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = false
    require_uppercase                = false
    temporary_password_validity_days = 7
  }

  # A password can be reset by email only, not by a phone number.
  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }

  dynamic "email_configuration" {
    for_each = var.mail[*]

    content {
      email_sending_account = "DEVELOPER"
      from_email_address    = email_configuration.value.sender
      source_arn            = email_configuration.value.identity_arn
    }
  }

  admin_create_user_config {
    allow_admin_create_user_only = false
  }

  # A new address replaces the old one only after its code was entered.
  user_attribute_update_settings {
    attributes_require_verification_before_update = ["email"]
  }
}

resource "aws_cognito_user_pool_client" "this" {
  name         = var.name
  user_pool_id = aws_cognito_user_pool.this.id

  # Only the functions know the secret. So nobody can sign up, confirm or reset a password without going through the
  # gateway, which limits the requests. With a secret, Cognito also accepts the address of the person who called us.
  generate_secret                               = true
  enable_propagate_additional_user_context_data = true

  # Log-in goes through our functions (ADMIN flows), so the gateway's throttling limits password guessing.
  explicit_auth_flows           = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  prevent_user_existence_errors = "ENABLED"
  enable_token_revocation       = true

  id_token_validity      = 60
  access_token_validity  = 60
  refresh_token_validity = 30

  token_validity_units {
    id_token      = "minutes"
    access_token  = "minutes"
    refresh_token = "days"
  }

  # Some changes, such as a secret, need a new client. The functions use the old one until they know the new one.
  lifecycle {
    create_before_destroy = true
  }
}
