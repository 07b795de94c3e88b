resource "aws_sns_topic" "notifications" {
  #checkov:skip=CKV_AWS_26:The messages name builds only. EventBridge cannot publish to a topic encrypted with the AWS-managed key, so encryption would need a customer-managed one.
  name = "${local.own}-notifications"
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.notification_emails

  topic_arn = aws_sns_topic.notifications.arn
  protocol  = "email"
  endpoint  = each.value
}

locals {
  # `execution` covers every way a run can fail, including a rejected approval. `build` also covers builds started by
  # hand.
  failures = {
    execution = {
      description = "A run of the pipeline failed"
      pattern = {
        source      = ["aws.codepipeline"]
        detail-type = ["CodePipeline Pipeline Execution State Change"]
        detail      = { pipeline = [var.name], state = ["FAILED"] }
      }
      input_paths = { what = "$.detail.pipeline", run = "$.detail.execution-id", state = "$.detail.state", at = "$.time" }
      template    = "Pipeline <what>: <state> at <at> (run <run>). Details: https://${local.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/${var.name}/view?region=${local.region}"
    }
    build = {
      description = "A build of the pipeline failed"
      pattern = {
        source      = ["aws.codebuild"]
        detail-type = ["CodeBuild Build State Change"]
        detail = {
          project-name = [for key in keys(local.builds) : "${local.own}-${key}"]
          build-status = ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"]
        }
      }
      input_paths = { what = "$.detail.project-name", state = "$.detail.build-status", log = "$.detail.additional-information.logs.deep-link", at = "$.time" }
      template    = "Build <what>: <state> at <at>. Log: <log>"
    }
  }
}

resource "aws_cloudwatch_event_rule" "failure" {
  for_each = local.failures

  name          = "${local.own}-failed-${each.key}"
  description   = each.value.description
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "failure" {
  for_each = local.failures

  rule = aws_cloudwatch_event_rule.failure[each.key].name
  arn  = aws_sns_topic.notifications.arn

  input_transformer {
    input_paths = each.value.input_paths
    # EventBridge requires a quoted string. jsonencode would escape the < and > of the placeholders.
    input_template = "\"${each.value.template}\""
  }
}

resource "aws_sns_topic_policy" "notifications" {
  arn = aws_sns_topic.notifications.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "FailuresFromEventBridge"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.notifications.arn
        Condition = { ArnEquals = { "aws:SourceArn" = [for key in keys(local.failures) : "${local.arn.events}:rule/${local.own}-failed-${key}"] } }
      },
      {
        Sid       = "ApprovalsFromPipeline"
        Effect    = "Allow"
        Principal = { AWS = aws_iam_role.pipeline.arn }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.notifications.arn
      },
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.notifications.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}
