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
  values = { arn = "arn:aws:iam::123456789012:role/yourplace-test-release" }
}

variables {
  name = "yourplace-test"
  functions = {
    login = { name = "yourplace-test-login", alarms = ["yourplace-test-login-errors", "yourplace-test-release-5xx"] }
  }
}

run "an_alarm_ends_a_release_and_takes_it_back" {
  assert {
    condition = (
      aws_codedeploy_app.this.compute_platform == "Lambda" &&
      aws_codedeploy_deployment_group.this["login"].app_name == "yourplace-test" &&
      aws_codedeploy_deployment_group.this["login"].deployment_group_name == "yourplace-test-login" &&
      aws_codedeploy_deployment_group.this["login"].service_role_arn == aws_iam_role.this.arn
    )
    error_message = "scripts/release would not find the function's deployment group."
  }

  assert {
    condition = (
      aws_codedeploy_deployment_group.this["login"].alarm_configuration[0].enabled &&
      aws_codedeploy_deployment_group.this["login"].alarm_configuration[0].ignore_poll_alarm_failure != true &&
      output.alarms["login"] == toset(["yourplace-test-login-errors", "yourplace-test-release-5xx"])
    )
    error_message = "The function's alarms are not watched."
  }

  assert {
    condition = (
      aws_codedeploy_deployment_group.this["login"].auto_rollback_configuration[0].enabled &&
      contains(aws_codedeploy_deployment_group.this["login"].auto_rollback_configuration[0].events, "DEPLOYMENT_STOP_ON_ALARM")
    )
    error_message = "An alarm does not take a release back."
  }
}

run "a_few_percent_of_the_calls_come_first" {
  assert {
    condition     = aws_codedeploy_deployment_group.this["login"].deployment_config_name == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    error_message = "A new version gets all calls at once."
  }
}

run "the_role_may_only_move_aliases_of_the_stage" {
  assert {
    condition = jsonencode(jsondecode(aws_iam_role_policy.this.policy).Statement) == jsonencode([
      {
        Action   = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        Effect   = "Allow"
        Resource = ["arn:aws:lambda:eu-central-1:123456789012:function:yourplace-test-*"]
      },
      { Action = ["cloudwatch:DescribeAlarms"], Effect = "Allow", Resource = ["*"] },
    ])
    error_message = "CodeDeploy may do more or less than move aliases and read alarms."
  }

  assert {
    condition = (
      jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Principal == { Service = "codedeploy.amazonaws.com" } &&
      jsondecode(aws_iam_role.this.assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"] == "arn:aws:codedeploy:eu-central-1:123456789012:deploymentgroup:yourplace-test/*"
    )
    error_message = "CodeDeploy may use the role for another application."
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

run "an_unknown_way_to_move_calls_is_refused" {
  command = plan

  variables {
    traffic = "Slowly"
  }

  expect_failures = [var.traffic]
}

run "a_function_without_alarms_is_refused" {
  command = plan

  variables {
    functions = { login = { name = "yourplace-test-login", alarms = [] } }
  }

  expect_failures = [var.functions]
}
