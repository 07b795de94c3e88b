mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

override_resource {
  target = aws_sns_topic.alarms
  values = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-test-alarms" }
}

variables {
  prefix    = "yourplace-test"
  api       = { id = "api", stage = "test" }
  functions = { login = { name = "yourplace-test-login", timeout = 10 } }
  queues    = { mail = { name = "yourplace-test-mail", dead_letter_name = "yourplace-test-mail-dead" } }
  schedules = { process = "yourplace-test-process" }
}

run "a_function_is_watched" {
  assert {
    condition = alltrue([
      for kind, alarm in {
        Errors    = aws_cloudwatch_metric_alarm.function_errors["login"]
        Throttles = aws_cloudwatch_metric_alarm.function_throttles["login"]
      } : alarm.metric_name == kind && alarm.dimensions == tomap({ FunctionName = "yourplace-test-login" }) && alarm.threshold == 1
    ])
    error_message = "Errors or throttles of the function go unseen."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.function_duration["login"].threshold == 8000 &&
      aws_cloudwatch_metric_alarm.function_duration["login"].statistic == "Maximum" &&
      aws_cloudwatch_metric_alarm.function_duration["login"].dimensions == tomap({ FunctionName = "yourplace-test-login" })
    )
    error_message = "A call near the timeout goes unseen: 80 % of 10 s are 8000 ms."
  }
}

run "the_api_is_watched" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.api_5xx.metric_name == "5xx" &&
      aws_cloudwatch_metric_alarm.api_5xx.dimensions == tomap({ ApiId = "api", Stage = "test" }) &&
      aws_cloudwatch_metric_alarm.api_5xx.threshold == 1
    )
    error_message = "Server errors go unseen."
  }

  assert {
    condition = (
      toset([for query in aws_cloudwatch_metric_alarm.api_4xx.metric_query : query.id]) == toset(["share", "refused", "requests"]) &&
      toset(flatten([for query in aws_cloudwatch_metric_alarm.api_4xx.metric_query : query.metric[*].metric_name])) == toset(["4xx", "Count"])
    )
    error_message = "A flood of refusals goes unseen."
  }
}

run "a_queue_is_watched" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.queue_dead_letters["mail"].dimensions == tomap({ QueueName = "yourplace-test-mail-dead" }) &&
      aws_cloudwatch_metric_alarm.queue_dead_letters["mail"].threshold == 1 &&
      aws_cloudwatch_metric_alarm.queue_age["mail"].dimensions == tomap({ QueueName = "yourplace-test-mail" })
    )
    error_message = "Dead letters or messages that wait go unseen."
  }
}

run "a_schedule_that_stopped_is_noticed" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.schedule_stopped["process"].treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.schedule_stopped["process"].comparison_operator == "LessThanThreshold"
    )
    error_message = "No run is no alarm."
  }
}

run "every_alarm_reaches_the_topic" {
  assert {
    condition = alltrue([
      for alarm in concat(
        [aws_cloudwatch_metric_alarm.api_4xx, aws_cloudwatch_metric_alarm.api_5xx],
        values(aws_cloudwatch_metric_alarm.function_errors),
        values(aws_cloudwatch_metric_alarm.function_throttles),
        values(aws_cloudwatch_metric_alarm.function_duration),
        values(aws_cloudwatch_metric_alarm.queue_dead_letters),
        values(aws_cloudwatch_metric_alarm.queue_age),
        values(aws_cloudwatch_metric_alarm.schedule_stopped),
      ) : toset(alarm.alarm_actions) == toset([aws_sns_topic.alarms.arn])
    ])
    error_message = "An alarm tells nobody."
  }

  assert {
    condition     = length(output.names) == 2 + 3 + 2 + 1
    error_message = "An alarm is missing among the names."
  }
}

run "only_alarms_of_this_stage_may_publish" {
  assert {
    condition = jsonencode([
      for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement :
      [statement.Effect, statement.Action, statement.Principal, statement.Condition]
      ]) == jsonencode([["Allow", "sns:Publish", { Service = "cloudwatch.amazonaws.com" }, {
        ArnLike                                            = { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:yourplace-test-*" }
        StringEquals                                       = { "aws:SourceAccount" = "123456789012" }
    }]])
    error_message = "Somebody else may publish, or alarms may not."
  }
}

run "the_address_is_subscribed" {
  variables {
    email = "on-call@example.com"
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "on-call@example.com" && aws_sns_topic_subscription.email[0].protocol == "email"
    error_message = "Nobody hears of alarms."
  }
}

run "nobody_is_subscribed_by_default" {
  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "There is a subscription."
  }
}

run "the_dashboard_does_not_name_functions" {
  assert {
    condition     = !strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "login") && length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 7
    error_message = "A new function would change the dashboard, or a chart is missing."
  }
}

run "an_address_without_a_host_is_refused" {
  command = plan

  variables {
    email = "on-call"
  }

  expect_failures = [var.email]
}
