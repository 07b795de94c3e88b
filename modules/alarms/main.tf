data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  actions = [aws_sns_topic.alarms.arn]
  region  = data.aws_region.current.region
  api     = { ApiId = var.api.id, Stage = var.api.stage }
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26:Alarms contain no user data, and CloudWatch cannot publish to a topic encrypted with the AWS-managed key
  name = "${var.prefix}-alarms"
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for service, sources in {
      cloudwatch = "${local.region}:${local.account}:alarm:${var.prefix}-*"
      budgets    = ":${local.account}:budget/${var.prefix}-*"
      } : {
      Sid       = service
      Effect    = "Allow"
      Principal = { Service = "${service}.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:${data.aws_partition.current.partition}:${service}:${sources}" }
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

locals {
  # What all alarms on one metric share; each kind below sets the rest.
  alarm = {
    statistic  = "Sum"
    comparison = "GreaterThanOrEqualToThreshold"
    threshold  = 1
    period     = 300
    periods    = 1
    missing    = "notBreaching"
  }

  # By the end of the alarm's name, after the prefix.
  alarms = merge(
    { for name, function in var.functions : "${name}-errors" => merge(local.alarm, {
      description = "${name} failed: it crashed, ran out of time or memory, or returned an error. Read its log."
      namespace   = "AWS/Lambda"
      metric      = "Errors"
      dimensions  = { FunctionName = function.name }
    }) },
    { for name, function in var.functions : "${name}-throttles" => merge(local.alarm, {
      description = "Lambda throttled ${name}: the account's concurrency is used up."
      namespace   = "AWS/Lambda"
      metric      = "Throttles"
      dimensions  = { FunctionName = function.name }
    }) },
    { for name, function in var.functions : "${name}-duration" => merge(local.alarm, {
      description = "A call of ${name} took more than 80 % of its timeout of ${function.timeout} s."
      namespace   = "AWS/Lambda"
      metric      = "Duration"
      dimensions  = { FunctionName = function.name }
      statistic   = "Maximum"
      comparison  = "GreaterThanThreshold"
      threshold   = function.timeout * 800
    }) },
    # A schedule that stopped raises no error, so missing calls are the alarm.
    { for name, function in var.schedules : "${name}-stopped" => merge(local.alarm, {
      description = "${name} has not run for 15 minutes. Look at its schedule."
      namespace   = "AWS/Lambda"
      metric      = "Invocations"
      dimensions  = { FunctionName = function }
      comparison  = "LessThanThreshold"
      periods     = 3
      missing     = "breaching"
    }) },
    { for name, queue in var.queues : "${name}-dead-letters" => merge(local.alarm, {
      description = "A message of the queue ${name} failed too often. Read it, fix the cause, and send it back to the queue."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.dead_letter_name }
      statistic   = "Maximum"
    }) },
    { for name, queue in var.queues : "${name}-age" => merge(local.alarm, {
      description = "A message of the queue ${name} has waited for more than 15 minutes."
      namespace   = "AWS/SQS"
      metric      = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      comparison  = "GreaterThanThreshold"
      threshold   = 900
    }) },
    { "api-5xx" = merge(local.alarm, {
      description = "The API returned a server error. The access log says which route; read its function's log."
      namespace   = "AWS/ApiGateway"
      metric      = "5xx"
      dimensions  = local.api
    }) },
    # S3 measures once a day.
    { "bucket-bytes" = merge(local.alarm, {
      description = "The bucket ${var.bucket.name} has more than ${floor(var.bucket.bytes / 1073741824)} GiB. Find out who stores so much."
      namespace   = "AWS/S3"
      metric      = "BucketSizeBytes"
      dimensions  = { BucketName = var.bucket.name, StorageType = "StandardStorage" }
      statistic   = "Average"
      comparison  = "GreaterThanThreshold"
      threshold   = var.bucket.bytes
      period      = 86400
      missing     = "ignore"
    }) },
    # The rates at which SES reviews an account, before it stops its emails: Amazon SES Developer Guide, "Creating
    # reputation monitoring alarms using CloudWatch". They are the account's.
    { for name, rate in var.mail ? { Bounce = 0.05, Complaint = 0.001 } : {} : "mail-${lower(name)}s" => merge(local.alarm, {
      description = "SES counts too many ${lower(name)}s of the account's emails, and may stop them. Look at the reputation in its console."
      namespace   = "AWS/SES"
      metric      = "Reputation.${name}Rate"
      dimensions  = {}
      statistic   = "Average"
      threshold   = rate
      period      = 3600
      missing     = "ignore"
    }) },
  )
}

resource "aws_budgets_budget" "monthly" {
  count = var.monthly_budget == null ? 0 : 1

  name         = "${var.prefix}-monthly"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = var.monthly_budget
  limit_unit   = "USD"

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      comparison_operator       = "GREATER_THAN"
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      subscriber_sns_topic_arns = [aws_sns_topic.alarms.arn]
    }
  }

  # AWS checks that it may publish.
  depends_on = [aws_sns_topic_policy.alarms]
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.prefix}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing
  alarm_actions       = local.actions
  ok_actions          = local.actions
}

# Single 4xx responses are normal. Many of them mean a broken client, or someone guessing passwords.
resource "aws_cloudwatch_metric_alarm" "api_4xx" {
  alarm_name          = "${var.prefix}-api-4xx"
  alarm_description   = "More than half of at least ${var.minimum_requests} requests in 5 minutes got a 4xx. The access log says which and why."
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 50
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.actions
  ok_actions          = local.actions

  metric_query {
    id          = "share"
    expression  = "IF(requests >= ${var.minimum_requests}, 100 * refused / requests, 0)"
    label       = "Requests with a 4xx in percent"
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
        dimensions  = local.api
        stat        = metric_query.value.statistic
        period      = 300
      }
    }
  }
}

# For releases only, so nobody is notified. One 5xx must not end a release, nor must throttled calls, which the gateway
# returns as a 503: any client could end every release then. Lambda counts them for all functions of the account. It is no
# share of the requests: a new version gets few of them at first.
resource "aws_cloudwatch_metric_alarm" "release_5xx" {
  alarm_name          = "${var.prefix}-release-5xx"
  alarm_description   = "At least 5 requests in 5 minutes got a 5xx, without throttled calls. It ends a release."
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 5
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "failed"
    expression  = "FILL(errors, 0) - FILL(throttles, 0)"
    label       = "Requests with a 5xx, without throttled calls"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = {
      errors    = { namespace = "AWS/ApiGateway", metric = "5xx", dimensions = local.api }
      throttles = { namespace = "AWS/Lambda", metric = "Throttles", dimensions = null }
    }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = "Sum"
        period      = 300
      }
    }
  }
}

# Charts search functions by name, so that a new function does not change the dashboard.
resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.prefix

  dashboard_body = jsonencode({
    widgets = concat(
      [
        {
          type = "metric", x = 0, y = 0, width = 12, height = 6
          properties = {
            title  = "Requests and errors"
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
