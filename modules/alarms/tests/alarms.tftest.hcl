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
  target = aws_sns_topic.alarms
  values = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-test-alarms" }
}

variables {
  prefix    = "yourplace-test"
  api       = { id = "api", stage = "test" }
  functions = { login = { name = "yourplace-test-login", timeout = 10 } }
  queues    = { mail = { name = "yourplace-test-mail", dead_letter_name = "yourplace-test-mail-dead" } }
  schedules = { process = "yourplace-test-process" }
  bucket    = { name = "photos", bytes = 1099511627776 }
}

run "a_function_is_watched" {
  assert {
    condition = alltrue([
      for kind, alarm in {
        Errors    = aws_cloudwatch_metric_alarm.this["login-errors"]
        Throttles = aws_cloudwatch_metric_alarm.this["login-throttles"]
      } : alarm.metric_name == kind && alarm.dimensions == tomap({ FunctionName = "yourplace-test-login" }) && alarm.threshold == 1
    ])
    error_message = "Errors or throttles of the function raise no alarm."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["login-duration"].threshold == 8000 &&
      aws_cloudwatch_metric_alarm.this["login-duration"].statistic == "Maximum" &&
      aws_cloudwatch_metric_alarm.this["login-duration"].dimensions == tomap({ FunctionName = "yourplace-test-login" })
    )
    error_message = "A call near the timeout raises no alarm: 80 % of 10 s are 8000 ms."
  }
}

run "the_api_is_watched" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["api-5xx"].metric_name == "5xx" &&
      aws_cloudwatch_metric_alarm.this["api-5xx"].dimensions == tomap({ ApiId = "api", Stage = "test" }) &&
      aws_cloudwatch_metric_alarm.this["api-5xx"].threshold == 1
    )
    error_message = "Server errors raise no alarm."
  }

  assert {
    condition = (
      toset([for query in aws_cloudwatch_metric_alarm.api_4xx.metric_query : query.id]) == toset(["share", "refused", "requests"]) &&
      toset(flatten([for query in aws_cloudwatch_metric_alarm.api_4xx.metric_query : query.metric[*].metric_name])) == toset(["4xx", "Count"])
    )
    error_message = "Many 4xx responses raise no alarm."
  }
}

run "a_release_ends_with_many_server_errors_but_not_with_throttled_calls" {
  assert {
    condition = {
      for query in aws_cloudwatch_metric_alarm.release_5xx.metric_query :
      query.id => coalesce(query.expression, try("${query.metric[0].metric_name} ${jsonencode(query.metric[0].dimensions)}", ""))
      } == {
      failed    = "FILL(errors, 0) - FILL(throttles, 0)"
      errors    = "5xx {\"ApiId\":\"api\",\"Stage\":\"test\"}"
      throttles = "Throttles null"
    }
    error_message = "A client could end a release with throttled calls."
  }

  assert {
    condition = (
      aws_cloudwatch_metric_alarm.release_5xx.comparison_operator == "GreaterThanOrEqualToThreshold" &&
      aws_cloudwatch_metric_alarm.release_5xx.threshold == 5 &&
      [for query in aws_cloudwatch_metric_alarm.release_5xx.metric_query : query.id if query.return_data == true] == ["failed"]
    )
    error_message = "A single 5xx would end a release, or many would not."
  }

  assert {
    condition     = length(coalesce(aws_cloudwatch_metric_alarm.release_5xx.alarm_actions, [])) == 0
    error_message = "Somebody is notified of what the alarm on single 5xx already reports."
  }
}

run "a_queue_is_watched" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["mail-dead-letters"].dimensions == tomap({ QueueName = "yourplace-test-mail-dead" }) &&
      aws_cloudwatch_metric_alarm.this["mail-dead-letters"].threshold == 1 &&
      aws_cloudwatch_metric_alarm.this["mail-age"].dimensions == tomap({ QueueName = "yourplace-test-mail" })
    )
    error_message = "Dead letters or waiting messages raise no alarm."
  }
}

run "a_schedule_that_stopped_is_noticed" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["process-stopped"].treat_missing_data == "breaching" &&
      aws_cloudwatch_metric_alarm.this["process-stopped"].comparison_operator == "LessThanThreshold"
    )
    error_message = "A schedule that stopped raises no alarm."
  }
}

run "the_bytes_in_the_bucket_are_watched" {
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["bucket-bytes"].metric_name == "BucketSizeBytes" &&
      aws_cloudwatch_metric_alarm.this["bucket-bytes"].dimensions == tomap({ BucketName = "photos", StorageType = "StandardStorage" }) &&
      aws_cloudwatch_metric_alarm.this["bucket-bytes"].threshold == 1099511627776 &&
      aws_cloudwatch_metric_alarm.this["bucket-bytes"].period == 86400
    )
    error_message = "A bucket that fills up raises no alarm. S3 measures once a day."
  }
}

run "bounces_and_complaints_are_watched" {
  variables {
    mail = true
  }

  assert {
    condition = { for name in ["mail-bounces", "mail-complaints"] : name => [aws_cloudwatch_metric_alarm.this[name].metric_name, aws_cloudwatch_metric_alarm.this[name].threshold] } == {
      mail-bounces    = ["Reputation.BounceRate", 0.05]
      mail-complaints = ["Reputation.ComplaintRate", 0.001]
    }
    error_message = "Emails that bounce, or that people complain about, raise no alarm before SES stops them."
  }
}

run "there_is_no_budget_by_default" {
  assert {
    condition     = length(aws_budgets_budget.monthly) == 0
    error_message = "There is a budget. Many accounts do not let roles make one."
  }
}

run "spending_is_reported_before_the_month_ends" {
  variables {
    monthly_budget = 150
  }

  assert {
    condition = (
      aws_budgets_budget.monthly[0].name == "yourplace-test-monthly" &&
      aws_budgets_budget.monthly[0].limit_amount == "150" &&
      aws_budgets_budget.monthly[0].time_unit == "MONTHLY" &&
      { for notification in aws_budgets_budget.monthly[0].notification : notification.notification_type => notification.threshold } == { ACTUAL = 80, FORECASTED = 100 } &&
      alltrue([for notification in aws_budgets_budget.monthly[0].notification : notification.subscriber_sns_topic_arns == toset([aws_sns_topic.alarms.arn])])
    )
    error_message = "The topic is not notified at 80 % of the budget, or when the month will exceed it."
  }
}

run "every_alarm_reaches_the_topic" {
  assert {
    condition = alltrue([
      for alarm in concat([aws_cloudwatch_metric_alarm.api_4xx], values(aws_cloudwatch_metric_alarm.this)) :
      toset(alarm.alarm_actions) == toset([aws_sns_topic.alarms.arn]) && toset(alarm.ok_actions) == toset([aws_sns_topic.alarms.arn])
    ])
    error_message = "An alarm does not publish to the topic."
  }

  assert {
    condition = toset(output.names) == toset([
      for name in [
        "api-4xx", "api-5xx", "bucket-bytes", "login-duration", "login-errors", "login-throttles", "mail-age", "mail-dead-letters", "process-stopped",
        "release-5xx",
      ] : "yourplace-test-${name}"
    ])
    error_message = "An alarm is missing, or has another name."
  }
}

run "only_alarms_of_this_stage_may_publish" {
  assert {
    condition = jsonencode({
      for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement :
      statement.Principal.Service => [statement.Effect, statement.Action, statement.Condition]
      }) == jsonencode({
      for service, source in {
        "budgets.amazonaws.com"    = "arn:aws:budgets::123456789012:budget/yourplace-test-*"
        "cloudwatch.amazonaws.com" = "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:yourplace-test-*"
      } : service => ["Allow", "sns:Publish", { ArnLike = { "aws:SourceArn" = source }, StringEquals = { "aws:SourceAccount" = "123456789012" } }]
    })
    error_message = "Alarms of this stage may not publish, or others may."
  }
}

run "the_address_is_subscribed" {
  variables {
    email = "on-call@example.com"
  }

  assert {
    condition     = aws_sns_topic_subscription.email[0].endpoint == "on-call@example.com" && aws_sns_topic_subscription.email[0].protocol == "email"
    error_message = "The address is not subscribed."
  }
}

run "nobody_is_subscribed_by_default" {
  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "An address is subscribed."
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

# docs/operations.md, "Costs": AWS charges for each metric of an alarm.
run "the_costs_in_the_documentation_are_right" {
  variables {
    mail = true
    functions = {
      login = { name = "yourplace-test-login", timeout = 10 }
      list  = { name = "yourplace-test-list", timeout = 10 }
    }
  }

  assert {
    condition = (
      sum([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), [aws_cloudwatch_metric_alarm.api_4xx, aws_cloudwatch_metric_alarm.release_5xx]) :
        max(1, length([for query in alarm.metric_query : query if length(query.metric) > 0]))
      ]) == 3 * 2 + 2 * 1 + 1 * 1 + 3 + 2 + 1 + 2
    )
    error_message = "The alarms no longer have 3 metrics per function, 2 per queue, 1 per schedule, 3 for the API, 2 for releases, 1 for the bucket and 2 for emails: correct docs/operations.md."
  }
}

run "another_partition" {
  override_data {
    target = data.aws_partition.current
    values = { partition = "aws-cn" }
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_sns_topic_policy.alarms.policy).Statement : startswith(statement.Condition.ArnLike["aws:SourceArn"], "arn:aws-cn:")])
    error_message = "In another partition, the alarms may not publish to the topic."
  }
}
