data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  actions = [aws_sns_topic.alarms.arn]
  region  = data.aws_region.current.region
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:An alarm's text holds no user data, and CloudWatch cannot publish with the key that AWS manages for SNS
  name = "${var.prefix}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:aws:cloudwatch:${local.region}:${local.account}:alarm:${var.prefix}-*" }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    }]
  })
}

resource "aws_sns_topic_subscription" "email" {
  count = var.email == null ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.email
}

resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = var.functions

  alarm_name          = "${each.value.name}-errors"
  alarm_description   = "${each.key} failed: it crashed, ran out of time or memory, or gave up. Read its log."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = each.value.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "function_throttles" {
  for_each = var.functions

  alarm_name          = "${each.value.name}-throttles"
  alarm_description   = "Lambda refused to run ${each.key}: the account's concurrency is used up."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = each.value.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "function_duration" {
  for_each = var.functions

  alarm_name          = "${each.value.name}-duration"
  alarm_description   = "A call of ${each.key} took more than 80 % of its timeout of ${each.value.timeout} s."
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  dimensions          = { FunctionName = each.value.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.timeout * 800
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "api_5xx" {
  alarm_name          = "${var.prefix}-api-5xx"
  alarm_description   = "The API answered with a server error. The access log says which route; read its function's log."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5xx"
  dimensions          = { ApiId = var.api.id, Stage = var.api.stage }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# Some 4xx are what an API is for; a flood of them is a broken client or somebody who tries passwords.
resource "aws_cloudwatch_metric_alarm" "api_4xx" {
  alarm_name          = "${var.prefix}-api-4xx"
  alarm_description   = "More than half of at least ${var.minimum_requests} requests in 5 minutes were refused. The access log says by whom and why."
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 50
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions

  metric_query {
    id          = "share"
    expression  = "IF(requests >= ${var.minimum_requests}, 100 * refused / requests, 0)"
    label       = "Refused requests in percent"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      refused  = { metric = "4xx", statistic = "Sum" }
      requests = { metric = "Count", statistic = "SampleCount" }
    }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/ApiGateway"
        metric_name = metric_query.value.metric
        dimensions  = { ApiId = var.api.id, Stage = var.api.stage }
        stat        = metric_query.value.statistic
        period      = 300
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue_dead_letters" {
  for_each = var.queues

  alarm_name          = "${each.value.dead_letter_name}-letters"
  alarm_description   = "A message of the queue ${each.key} was tried too often and given up. Read it, mend the cause, and send it back to the queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = each.value.dead_letter_name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

resource "aws_cloudwatch_metric_alarm" "queue_age" {
  for_each = var.queues

  alarm_name          = "${each.value.name}-age"
  alarm_description   = "A message of the queue ${each.key} has waited for more than 15 minutes."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 900
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# A clock that stopped raises no error: missing runs are the alarm.
resource "aws_cloudwatch_metric_alarm" "schedule_stopped" {
  for_each = var.schedules

  alarm_name          = "${each.value}-stopped"
  alarm_description   = "${each.key} has not run for 15 minutes. Look at its schedule."
  namespace           = "AWS/Lambda"
  metric_name         = "Invocations"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# The functions are searched by name, so that a new one does not change the dashboard.
resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.prefix

  dashboard_body = jsonencode({
    widgets = concat(
      [
        {
          type = "metric", x = 0, y = 0, width = 12, height = 6
          properties = {
            title  = "Requests and refusals"
            region = local.region
            period = 300
            metrics = [
              ["AWS/ApiGateway", "Count", "ApiId", var.api.id, "Stage", var.api.stage, { stat = "SampleCount" }],
              ["AWS/ApiGateway", "4xx", "ApiId", var.api.id, "Stage", var.api.stage, { stat = "Sum" }],
              ["AWS/ApiGateway", "5xx", "ApiId", var.api.id, "Stage", var.api.stage, { stat = "Sum" }],
            ]
          }
        },
        {
          type = "metric", x = 12, y = 0, width = 12, height = 6
          properties = {
            title  = "Latency in ms"
            region = local.region
            period = 300
            metrics = [
              ["AWS/ApiGateway", "Latency", "ApiId", var.api.id, "Stage", var.api.stage, { stat = "p50" }],
              ["AWS/ApiGateway", "Latency", "ApiId", var.api.id, "Stage", var.api.stage, { stat = "p99" }],
            ]
          }
        },
      ],
      [for index, chart in [
        { title = "Calls", metric = "Invocations", stat = "Sum" },
        { title = "Errors", metric = "Errors", stat = "Sum" },
        { title = "Throttles", metric = "Throttles", stat = "Sum" },
        { title = "Longest call in ms", metric = "Duration", stat = "Maximum" },
        ] : {
        type = "metric", x = index % 2 * 12, y = 6 + floor(index / 2) * 6, width = 12, height = 6
        properties = {
          title  = "${chart.title} by function"
          region = local.region
          period = 300
          metrics = [
            [{ expression = "SEARCH('{AWS/Lambda,FunctionName} ${var.prefix} MetricName=\"${chart.metric}\"', '${chart.stat}', 300)" }]
          ]
        }
      }],
      [for index, name in keys(var.queues) : {
        type = "metric", x = index % 2 * 12, y = 18 + floor(index / 2) * 6, width = 12, height = 6
        properties = {
          title  = "Queue ${name}"
          region = local.region
          period = 300
          metrics = [
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queues[name].name, { stat = "Maximum" }],
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queues[name].dead_letter_name, { stat = "Maximum" }],
          ]
        }
      }],
    )
  })
}
