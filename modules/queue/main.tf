data "aws_caller_identity" "current" {}

locals {
  # By queue: requests without TLS are refused.
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

  # The account too: a bucket's ARN does not say whose it is.
  bucket_statements = [for bucket in var.from_bucket[*] : {
    Sid       = "FromBucket"
    Effect    = "Allow"
    Principal = { Service = "s3.amazonaws.com" }
    Action    = "sqs:SendMessage"
    Resource  = aws_sqs_queue.this.arn
    Condition = {
      ArnEquals    = { "aws:SourceArn" = bucket.arn }
      StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
    }
  }]
}

resource "aws_sqs_queue" "this" {
  name                       = var.name
  visibility_timeout_seconds = var.visibility_timeout
  receive_wait_time_seconds  = 20
  message_retention_seconds  = 4 * 24 * 3600
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.max_receives
  })
}

# Kept as long as SQS can, so that somebody finds them after the holidays.
resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-dead"
  message_retention_seconds = 14 * 24 * 3600
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
  count = var.tls_only || var.from_bucket != null ? 1 : 0

  queue_url = aws_sqs_queue.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat(local.tls_statements.this, local.bucket_statements)
  })
}

resource "aws_sqs_queue_policy" "dead" {
  count = var.tls_only ? 1 : 0

  queue_url = aws_sqs_queue.dead.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.tls_statements.dead
  })
}
