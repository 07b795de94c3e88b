mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

override_resource {
  target = aws_sqs_queue.this
  values = { id = "https://sqs/index", arn = "arn:aws:sqs:eu-central-1:123456789012:index" }
}

override_resource {
  target = aws_sqs_queue.dead
  values = { id = "https://sqs/index-dead", arn = "arn:aws:sqs:eu-central-1:123456789012:index-dead" }
}

variables {
  name               = "yourplace-test-index"
  visibility_timeout = 360
  from_bucket        = { arn = "arn:aws:s3:::photos" }
}

run "what_fails_too_often_becomes_a_dead_letter" {
  assert {
    condition = jsondecode(aws_sqs_queue.this.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:index-dead"
      maxReceiveCount     = 5
    }
    error_message = "Messages that fail come back for ever, or are lost."
  }

  assert {
    condition = (
      aws_sqs_queue.dead.name == "yourplace-test-index-dead" &&
      aws_sqs_queue.dead.message_retention_seconds == 1209600
    )
    error_message = "Dead letters go too early."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-central-1:123456789012:index"]
    error_message = "Other queues can use the dead letters."
  }
}

run "messages_are_encrypted_and_hidden_while_worked_on" {
  assert {
    condition = (
      aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead.sqs_managed_sse_enabled &&
      aws_sqs_queue.this.visibility_timeout_seconds == 360 &&
      aws_sqs_queue.this.receive_wait_time_seconds == 20
    )
    error_message = "Messages are not encrypted, come back too early, or are not polled long."
  }
}

run "only_the_bucket_may_send_and_only_by_tls" {
  assert {
    condition = jsonencode(jsondecode(aws_sqs_queue_policy.this[0].policy).Statement) == jsonencode([
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:index"
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "FromBucket"
        Effect    = "Allow"
        Principal = { Service = "s3.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:index"
        Condition = {
          ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::photos" }
          StringEquals = { "aws:SourceAccount" = "123456789012" }
        }
      },
    ])
    error_message = "Somebody else may send, or without TLS."
  }
}

run "dead_letters_need_tls_too" {
  assert {
    condition = jsonencode([
      for statement in jsondecode(aws_sqs_queue_policy.dead[0].policy).Statement : [statement.Effect, statement.Resource, statement.Condition]
    ]) == jsonencode([["Deny", "arn:aws:sqs:eu-central-1:123456789012:index-dead", { Bool = { "aws:SecureTransport" = "false" } }]])
    error_message = "Dead letters can be read without TLS."
  }
}

run "without_a_bucket_nobody_may_send" {
  variables {
    from_bucket = null
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Effect == "Deny"])
    error_message = "Somebody may send."
  }
}

run "a_timeout_of_a_day_is_refused" {
  command = plan

  variables {
    visibility_timeout = 86400
  }

  expect_failures = [var.visibility_timeout]
}

run "a_name_with_a_dot_is_refused" {
  command = plan

  variables {
    name = "yourplace.index"
  }

  expect_failures = [var.name]
}

run "no_try_at_all_is_refused" {
  command = plan

  variables {
    max_receives = 0
  }

  expect_failures = [var.max_receives]
}
