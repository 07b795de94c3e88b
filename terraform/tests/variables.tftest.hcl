# Bad values of variables are refused.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }
}

variables {
  layer       = false
  mail_sender = "auctions@example.com"
}

run "values_of_another_form_are_refused" {
  command = plan

  variables {
    dist_dir                 = run.fixtures.dist_dirs["one"]
    stage                    = "test-eu"
    region                   = "Frankfurt"
    architecture             = "arm"
    currency                 = "eur"
    log_retention_days       = 0
    monthly_budget           = 0
    permissions_boundary_arn = "arn:aws:iam::123456789012:role/admin"
    local_endpoint           = "https://example.com"
  }

  expect_failures = [
    var.stage,
    var.region,
    var.architecture,
    var.currency,
    var.log_retention_days,
    var.monthly_budget,
    var.permissions_boundary_arn,
    var.local_endpoint,
  ]
}

run "an_unknown_authorizer_and_an_issuer_without_tls_are_refused" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["one"]
    authorizer      = "none"
    trusted_issuers = [{ issuer = "http://tenant.example.com", audiences = ["a"], alias = "tenant" }]
  }

  expect_failures = [var.authorizer, var.trusted_issuers]
}

run "capitals_and_an_issuer_without_audience_are_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["one"]
    stage    = "Test"
    # AWS has no such retention.
    log_retention_days = 45
    trusted_issuers    = [{ issuer = "https://tenant.example.com", audiences = [], alias = "tenant" }]
  }

  expect_failures = [var.stage, var.log_retention_days, var.trusted_issuers]
}

run "a_long_stage_and_an_alias_with_a_tilde_are_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["one"]
    # 17 letters.
    stage           = "abcdefghijklmnopq"
    trusted_issuers = [{ issuer = "https://tenant.example.com", audiences = ["a"], alias = "a~b" }]
  }

  expect_failures = [var.stage, var.trusted_issuers]
}

run "the_stage_of_the_pipeline_and_one_alias_for_two_issuers_are_refused" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["one"]
    stage           = "pipeline"
    trusted_issuers = [for host in ["a", "b"] : { issuer = "https://${host}.example.com", audiences = ["a"], alias = "same" }]
  }

  expect_failures = [var.stage, var.trusted_issuers]
}

run "a_protected_stage_without_an_address_for_alarms_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["one"]
    stage    = "prod"
  }

  expect_failures = [var.alarm_email]
}

run "the_addresses_of_the_example_are_refused" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["one"]
    mail_sender = "no-reply@test.yourplace.example"
    alarm_email = "on-call@yourplace.example"
  }

  expect_failures = [var.mail_sender, var.alarm_email]
}

run "more_reservations_than_the_account_allows_are_refused" {
  command = plan

  variables {
    dist_dir            = run.fixtures.dist_dirs["service"]
    account_concurrency = 10
  }

  expect_failures = [var.account_concurrency]
}

run "codes_from_no_sender_are_refused" {
  command = plan

  variables {
    dist_dir     = run.fixtures.dist_dirs["one"]
    mail_sender  = null
    codes_by_ses = true
  }

  expect_failures = [var.codes_by_ses]
}
