locals {
  full_name = "${var.prefix}-${var.name}"

  # Every function may write to its own log group only; ":*" stands for the streams of the group.
  log_statement = {
    Effect   = "Allow"
    Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    Resource = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  queue_statements = [for queue in var.queue[*] : {
    Effect   = "Allow"
    Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    Resource = [queue.arn]
  }]

  own_statements = [for permission in var.permissions : merge(
    {
      Effect   = "Allow"
      Action   = permission.actions
      Resource = permission.resources
    },
    { for name, value in { Condition = permission.condition } : name => value if value != null },
  )]

  statements = concat([local.log_statement], local.queue_statements, local.own_statements)
}

# Created before the function, or Lambda would create one without retention.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts every group with an AWS-owned key; logs hold no secrets, so a customer-managed key adds only cost
  #checkov:skip=CKV_AWS_338:Who called what when is personal data: it is kept only as long as it helps to find a fault (log_retention_days)
  name              = "/aws/lambda/${local.full_name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "this" {
  name                 = local.full_name
  description          = "Runs the function ${local.full_name}"
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "function"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Tracing needs xray:PutTraceSegments on every resource; the logs carry the request id instead
  #checkov:skip=CKV_AWS_115:Only heavy functions have a limit of their own (reserved_concurrency); the others share what is left of the account's
  #checkov:skip=CKV_AWS_116:Errors of routes go to the caller; queues have dead-letter queues; the next run of a schedule is its retry
  #checkov:skip=CKV_AWS_117:It calls only public AWS endpoints and issuers; from a VPC that needs a NAT gateway
  #checkov:skip=CKV_AWS_173:The environment holds names and URLs, no secrets; Lambda encrypts it with an AWS-managed key
  #checkov:skip=CKV_AWS_272:One pipeline builds and deploys the zips from one commit; nothing else may update the code
  function_name    = local.full_name
  description      = var.description
  role             = aws_iam_role.this.arn
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = var.memory
  timeout          = var.timeout
  filename         = var.zip
  source_code_hash = fileexists(var.zip) ? filebase64sha256(var.zip) : null
  layers           = var.layers
  publish          = true

  # -1 is the provider's word for no limit.
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)

  environment {
    variables = var.environment
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this.name
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.zip)
      error_message = "The zip of the function ${var.name} is missing: ${var.zip}. Build it with scripts/package."
    }
  }

  # The first call already needs the permissions.
  depends_on = [aws_iam_role_policy.this]
}

# What calls the function calls this alias. Terraform only publishes a new version: scripts/release moves the alias to it,
# and notes in the description which version was called before.
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [description, function_version, routing_config]
  }
}

resource "aws_lambda_event_source_mapping" "queue" {
  count = var.queue == null ? 0 : 1

  function_name                      = aws_lambda_alias.live.arn
  event_source_arn                   = var.queue.arn
  batch_size                         = var.queue.batch_size
  maximum_batching_window_in_seconds = var.queue.batch_window

  # A failing message must not cause a retry of the whole batch.
  function_response_types = ["ReportBatchItemFailures"]

  # Under load, messages wait in the queue instead of overloading what the function calls.
  scaling_config {
    maximum_concurrency = var.queue.concurrency
  }
}
