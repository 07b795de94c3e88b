locals {
  # Refuse requests without TLS, by queue.
  tls_statements = { for name, arn in { this = aws_sqs_queue.this.arn, dead = aws_sqs_queue.dead.arn } : name => [
    for refuse in [var.tls_only] : {
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    } if refuse
  ] }

  topic_statements = [for topics in [values(var.topics)] : {
    Sid       = "FromTopics"
    Effect    = "Allow"
    Principal = { Service = "sns.amazonaws.com" }
    Action    = "sqs:SendMessage"
    Resource  = aws_sqs_queue.this.arn
    Condition = { ArnEquals = { "aws:SourceArn" = topics } }
  } if length(topics) > 0]
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 4 * 24 * 3600
  max_message_size           = 256 * 1024
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.max_receives
  })
}

# Fourteen days is the most that SQS keeps a message.
resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 14 * 24 * 3600
  max_message_size          = 256 * 1024
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue_policy" "this" {
  count = var.tls_only || length(var.topics) > 0 ? 1 : 0

  queue_url = aws_sqs_queue.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.tls_statements.this, local.topic_statements)
  })
}

# Raw: the queue receives what was published, without an envelope.
resource "aws_sns_topic_subscription" "this" {
  for_each = var.topics

  topic_arn            = each.value
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.this.arn
  raw_message_delivery = true

  depends_on = [aws_sqs_queue_policy.this]
}

resource "aws_sqs_queue_policy" "dead" {
  count = var.tls_only ? 1 : 0

  queue_url = aws_sqs_queue.dead.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.tls_statements.dead
  })
}
