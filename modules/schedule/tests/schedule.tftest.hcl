mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

override_resource {
  target = aws_iam_role.this
  values = { arn = "arn:aws:iam::123456789012:role/yourplace-test-process-schedule" }
}

variables {
  name          = "yourplace-test-process"
  expression    = "rate(1 minute)"
  function_name = "yourplace-test-process"
  alias_arn     = "arn:aws:lambda:eu-central-1:123456789012:function:yourplace-test-process:live"
}

run "the_schedule_runs_the_function_without_retries" {
  assert {
    condition = (
      aws_scheduler_schedule.this.schedule_expression == "rate(1 minute)" &&
      aws_scheduler_schedule.this.target[0].arn == var.alias_arn &&
      aws_scheduler_schedule.this.target[0].role_arn == aws_iam_role.this.arn &&
      aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts == 0
    )
    error_message = "It runs another function, at another time, or retries."
  }
}

run "the_role_may_only_run_this_function" {
  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement) == jsonencode([
      { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = ["arn:aws:lambda:eu-central-1:123456789012:function:yourplace-test-process:live"] }
    ])
    error_message = "The role may do more, or may not run the function."
  }

  assert {
    condition = jsonencode(jsondecode(aws_iam_role.this.assume_role_policy).Statement) == jsonencode([{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = {
        StringEquals = {
          "aws:SourceAccount" = "123456789012"
          "aws:SourceArn"     = "arn:aws:scheduler:eu-central-1:123456789012:schedule-group/default"
        }
      }
    }])
    error_message = "Another service, or another schedule group, may assume the role."
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

run "a_plural_of_one_is_refused" {
  command = plan

  variables {
    expression = "rate(1 minutes)"
  }

  expect_failures = [var.expression]
}

run "a_cron_of_five_fields_is_refused" {
  command = plan

  variables {
    expression = "cron(0 3 * * *)"
  }

  expect_failures = [var.expression]
}
