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
  function_arn  = "arn:aws:lambda:eu-central-1:123456789012:function:yourplace-test-process"
}

run "it_runs_the_function_by_the_clock" {
  assert {
    condition = (
      aws_scheduler_schedule.this.schedule_expression == "rate(1 minute)" &&
      aws_scheduler_schedule.this.target[0].arn == var.function_arn &&
      aws_scheduler_schedule.this.target[0].role_arn == aws_iam_role.this.arn &&
      aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts == 0
    )
    error_message = "It runs something else, at another time, or again."
  }
}

run "its_role_may_run_this_function_and_nothing_else" {
  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement) == jsonencode([
      { Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = ["arn:aws:lambda:eu-central-1:123456789012:function:yourplace-test-process"] }
    ])
    error_message = "The role may do something else."
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
    error_message = "Somebody else may take the role."
  }
}

run "a_boundary_is_put_on_the_role" {
  variables {
    permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = aws_iam_role.this.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"
    error_message = "The role is not bounded."
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
