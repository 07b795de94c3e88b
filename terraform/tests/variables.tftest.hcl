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

run "a_stage_with_a_hyphen_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    stage    = "test-eu"
  }

  expect_failures = [var.stage]
}

run "a_stage_in_capitals_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    stage    = "Test"
  }

  expect_failures = [var.stage]
}

run "a_stage_of_17_letters_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    stage    = "abcdefghijklmnopq"
  }

  expect_failures = [var.stage]
}

run "the_stage_of_the_pipeline_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    stage    = "pipeline"
  }

  expect_failures = [var.stage]
}

run "an_unknown_region_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    region   = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "an_unknown_architecture_is_refused" {
  command = plan

  variables {
    dist_dir     = run.fixtures.dist_dirs["service"]
    architecture = "arm"
  }

  expect_failures = [var.architecture]
}

run "an_unknown_authorizer_is_refused" {
  command = plan

  variables {
    dist_dir   = run.fixtures.dist_dirs["service"]
    authorizer = "none"
  }

  expect_failures = [var.authorizer]
}

run "a_currency_in_lower_case_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    currency = "eur"
  }

  expect_failures = [var.currency]
}

run "logs_without_a_retention_are_refused" {
  command = plan

  variables {
    dist_dir           = run.fixtures.dist_dirs["service"]
    log_retention_days = 0
  }

  expect_failures = [var.log_retention_days]
}

run "a_retention_that_aws_does_not_accept_is_refused" {
  command = plan

  variables {
    dist_dir           = run.fixtures.dist_dirs["service"]
    log_retention_days = 45
  }

  expect_failures = [var.log_retention_days]
}

run "a_boundary_that_is_not_a_policy_is_refused" {
  command = plan

  variables {
    dist_dir                 = run.fixtures.dist_dirs["service"]
    permissions_boundary_arn = "arn:aws:iam::123456789012:role/admin"
  }

  expect_failures = [var.permissions_boundary_arn]
}

run "an_endpoint_that_is_not_local_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dirs["service"]
    local_endpoint = "https://example.com"
  }

  expect_failures = [var.local_endpoint]
}

run "an_issuer_without_tls_is_refused" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["service"]
    trusted_issuers = [{ issuer = "http://tenant.example.com", audiences = ["a"], alias = "tenant" }]
  }

  expect_failures = [var.trusted_issuers]
}

run "an_issuer_without_audience_is_refused" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["service"]
    trusted_issuers = [{ issuer = "https://tenant.example.com", audiences = [], alias = "tenant" }]
  }

  expect_failures = [var.trusted_issuers]
}

run "an_alias_with_a_tilde_is_refused" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["service"]
    trusted_issuers = [{ issuer = "https://tenant.example.com", audiences = ["a"], alias = "a~b" }]
  }

  expect_failures = [var.trusted_issuers]
}

run "two_issuers_with_one_alias_are_refused" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["service"]
    trusted_issuers = [for host in ["a", "b"] : { issuer = "https://${host}.example.com", audiences = ["a"], alias = "same" }]
  }

  expect_failures = [var.trusted_issuers]
}

run "a_protected_stage_without_an_address_for_alarms_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["service"]
    stage    = "prod"
  }

  expect_failures = [var.alarm_email]
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

run "a_budget_of_nothing_is_refused" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dirs["service"]
    monthly_budget = 0
  }

  expect_failures = [var.monthly_budget]
}
