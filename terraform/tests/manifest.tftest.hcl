# What scripts/manifest cannot check: that the manifest is there, and that the stage's variables suit it.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }
}

run "a_folder_without_a_checked_manifest_is_refused" {
  command = plan

  variables {
    dist_dir = "tests"
  }

  expect_failures = [var.dist_dir]
}

run "mail_without_a_sender_is_refused" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["everything"]
  }

  expect_failures = [var.mail_sender]
}

run "a_service_without_mail_needs_no_sender" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["one"]
  }

  assert {
    condition     = keys(output.policies) == ["one"]
    error_message = "The function is missing."
  }
}

run "the_lambda_authorizer_without_its_function_is_refused" {
  command = plan

  variables {
    dist_dir   = run.fixtures.dist_dirs["one"]
    authorizer = "lambda"
  }

  expect_failures = [var.authorizer]
}
