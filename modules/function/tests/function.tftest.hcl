mock_provider "aws" {}

override_resource {
  target = aws_cloudwatch_log_group.this
  values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/yourplace-test-login" }
}

override_resource {
  target = aws_iam_role.this
  values = { arn = "arn:aws:iam::123456789012:role/yourplace-test-login" }
}

variables {
  prefix       = "yourplace-test"
  name         = "login"
  description  = "Exchanges a user name and a password for tokens"
  zip          = "tests/function.tftest.hcl" # any file that is there
  architecture = "arm64"
  memory       = 256
  timeout      = 10
}

run "the_function_has_the_given_settings" {
  variables {
    environment = { BUCKET = "photos" }
    layers      = ["arn:aws:lambda:eu-central-1:123456789012:layer:jwt:1"]
  }

  assert {
    condition = (
      aws_lambda_function.this.function_name == "yourplace-test-login" &&
      aws_lambda_function.this.architectures[0] == "arm64" &&
      aws_lambda_function.this.runtime == "provided.al2023" &&
      aws_lambda_function.this.memory_size == 256 &&
      aws_lambda_function.this.timeout == 10 &&
      aws_lambda_function.this.environment[0].variables["BUCKET"] == "photos" &&
      aws_lambda_function.this.layers[0] == "arn:aws:lambda:eu-central-1:123456789012:layer:jwt:1" &&
      aws_lambda_function.this.role == aws_iam_role.this.arn
    )
    error_message = "A setting of the function differs."
  }

  assert {
    condition     = aws_lambda_function.this.source_code_hash == filebase64sha256("tests/function.tftest.hcl")
    error_message = "A change of the code would not be deployed."
  }
}

run "callers_reach_the_published_version_through_the_alias" {
  assert {
    condition = (
      aws_lambda_function.this.publish &&
      aws_lambda_alias.live.function_name == "yourplace-test-login" &&
      aws_lambda_alias.live.function_version == aws_lambda_function.this.version &&
      output.alias == "live" &&
      output.alias_arn == aws_lambda_alias.live.arn &&
      output.invoke_arn == aws_lambda_alias.live.invoke_arn
    )
    error_message = "The alias names no published version, or callers do not get the alias."
  }
}

run "only_a_heavy_function_has_calls_of_its_own" {
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "A function without reserved_concurrency has a limit."
  }
}

run "a_heavy_function_has_calls_of_its_own" {
  variables {
    reserved_concurrency = 20
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 20
    error_message = "The limit is not the function's."
  }
}

run "a_limit_of_no_calls_is_refused" {
  command = plan

  variables {
    reserved_concurrency = 0
  }

  expect_failures = [var.reserved_concurrency]
}

run "the_function_has_its_own_log_with_a_retention" {
  assert {
    condition = (
      aws_cloudwatch_log_group.this.name == "/aws/lambda/yourplace-test-login" &&
      aws_cloudwatch_log_group.this.retention_in_days == 30 &&
      aws_lambda_function.this.logging_config[0].log_group == aws_cloudwatch_log_group.this.name
    )
    error_message = "The log group has another name, no retention, or is not the function's."
  }
}

run "without_permissions_the_function_may_only_write_its_log" {
  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy) == {
      Version = "2012-10-17"
      Statement = [{
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/yourplace-test-login:*"]
      }]
    }
    error_message = "The policy allows more or less than writing the log."
  }

  assert {
    condition     = aws_iam_role_policy.this.role == "yourplace-test-login" && aws_iam_role.this.name == "yourplace-test-login"
    error_message = "The role is not the function's own."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal == { Service = "lambda.amazonaws.com" }
    error_message = "Not Lambda, or not only Lambda, may assume the role."
  }

  assert {
    condition     = length(aws_lambda_event_source_mapping.queue) == 0
    error_message = "The function receives messages from a queue."
  }
}

run "permissions_reach_the_policy_unchanged" {
  variables {
    permissions = [{
      actions   = ["s3:ListBucket"]
      resources = ["arn:aws:s3:::photos"]
      condition = { StringLike = { "s3:prefix" = ["photos/*"] } }
      }, {
      actions   = ["s3:GetObject"]
      resources = ["arn:aws:s3:::photos/photos/*"]
    }]
  }

  assert {
    condition = jsonencode(slice(jsondecode(aws_iam_role_policy.this.policy).Statement, 1, 3)) == jsonencode([
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = ["arn:aws:s3:::photos"], Condition = { StringLike = { "s3:prefix" = ["photos/*"] } } },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["arn:aws:s3:::photos/photos/*"] },
    ])
    error_message = "A permission or its condition was changed."
  }
}

run "a_queue_adds_its_permission_and_partial_failures" {
  variables {
    queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:mail", batch_size = 7, batch_window = 2, concurrency = 3 }
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement[1]) == jsonencode({
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
      Resource = ["arn:aws:sqs:eu-central-1:123456789012:mail"]
    })
    error_message = "The function may not receive messages, or may do more with the queue."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.queue[0].function_name == aws_lambda_alias.live.arn &&
      aws_lambda_event_source_mapping.queue[0].event_source_arn == "arn:aws:sqs:eu-central-1:123456789012:mail" &&
      aws_lambda_event_source_mapping.queue[0].batch_size == 7 &&
      aws_lambda_event_source_mapping.queue[0].maximum_batching_window_in_seconds == 2 &&
      aws_lambda_event_source_mapping.queue[0].scaling_config[0].maximum_concurrency == 3 &&
      contains(aws_lambda_event_source_mapping.queue[0].function_response_types, "ReportBatchItemFailures")
    )
    error_message = "The batch settings differ, or a batch fails as a whole."
  }
}

run "the_role_has_the_permissions_boundary" {
  variables {
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role has no permissions boundary."
  }
}

run "a_missing_zip_is_refused" {
  command = plan

  variables {
    zip = "tests/missing.zip"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_wildcard_action_is_refused" {
  command = plan

  variables {
    permissions = [{ actions = ["s3:*"], resources = ["arn:aws:s3:::photos"] }]
  }

  expect_failures = [var.permissions]
}

run "a_permission_for_every_resource_is_refused" {
  command = plan

  variables {
    permissions = [{ actions = ["s3:GetObject"], resources = ["*"] }]
  }

  expect_failures = [var.permissions]
}

run "a_local_cloud_accepts_a_permission_for_every_resource" {
  command = plan

  variables {
    every_resource = true
    permissions    = [{ actions = ["ses:SendEmail"], resources = ["*"] }]
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.this.policy).Statement[1].Resource == ["*"]
    error_message = "A local cloud's permission is not passed on."
  }
}

run "a_wildcard_within_a_resource_is_refused" {
  command = plan

  variables {
    permissions = [{ actions = ["dynamodb:GetItem"], resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/yourplace-*"] }]
  }

  expect_failures = [var.permissions]
}

run "a_permission_without_resources_is_refused" {
  command = plan

  variables {
    permissions = [{ actions = ["s3:GetObject"], resources = [] }]
  }

  expect_failures = [var.permissions]
}

run "a_variable_that_lambda_reserves_is_refused" {
  command = plan

  variables {
    environment = { AWS_REGION = "eu-central-1" }
  }

  expect_failures = [var.environment]
}

run "a_name_in_capitals_is_refused" {
  command = plan

  variables {
    name = "Login"
  }

  expect_failures = [var.name]
}

run "a_name_of_more_than_64_characters_is_refused" {
  command = plan

  variables {
    name = "a_name_that_is_too_long_when_the_prefix_stands_before_it"
  }

  expect_failures = [var.name]
}

run "too_little_memory_is_refused" {
  command = plan

  variables {
    memory = 64
  }

  expect_failures = [var.memory]
}

run "a_fraction_of_a_second_is_refused" {
  command = plan

  variables {
    timeout = 2.5
  }

  expect_failures = [var.timeout]
}

run "an_unknown_architecture_is_refused" {
  command = plan

  variables {
    architecture = "x86"
  }

  expect_failures = [var.architecture]
}

run "a_large_batch_without_a_window_is_refused" {
  command = plan

  variables {
    queue = { arn = "arn:aws:sqs:eu-central-1:123456789012:mail", batch_size = 100, batch_window = 0, concurrency = 2 }
  }

  expect_failures = [var.queue]
}
