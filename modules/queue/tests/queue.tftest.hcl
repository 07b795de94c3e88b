mock_provider "aws" {}

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
  max_receives       = 5
  topics             = { photos = "arn:aws:sns:eu-central-1:123456789012:photos" }
}

run "a_message_that_keeps_failing_moves_to_the_dead_letter_queue" {
  assert {
    condition = jsondecode(aws_sqs_queue.this.redrive_policy) == {
      deadLetterTargetArn = "arn:aws:sqs:eu-central-1:123456789012:index-dead"
      maxReceiveCount     = 5
    }
    error_message = "A failing message is retried without end, or lost."
  }

  assert {
    condition = (
      aws_sqs_queue.dead.name == "yourplace-test-index-dead" &&
      aws_sqs_queue.dead.message_retention_seconds == 1209600
    )
    error_message = "Dead letters are deleted too early."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.dead.redrive_allow_policy).sourceQueueArns == ["arn:aws:sqs:eu-central-1:123456789012:index"]
    error_message = "Other queues can use the dead-letter queue."
  }
}

run "messages_are_encrypted_and_hidden_while_worked_on" {
  assert {
    condition = (
      aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead.sqs_managed_sse_enabled &&
      aws_sqs_queue.this.visibility_timeout_seconds == 360 &&
      aws_sqs_queue.this.receive_wait_time_seconds == 20
    )
    error_message = "Messages are not encrypted, become visible too early, or are polled without waiting."
  }
}

run "only_the_topics_may_send_and_only_with_tls" {
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
        Sid       = "FromTopics"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = "arn:aws:sqs:eu-central-1:123456789012:index"
        Condition = { ArnEquals = { "aws:SourceArn" = ["arn:aws:sns:eu-central-1:123456789012:photos"] } }
      },
    ])
    error_message = "Another sender is allowed, or requests without TLS are."
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

run "the_queue_receives_what_was_published" {
  assert {
    condition = (
      aws_sns_topic_subscription.this["photos"].topic_arn == "arn:aws:sns:eu-central-1:123456789012:photos" &&
      aws_sns_topic_subscription.this["photos"].protocol == "sqs" &&
      aws_sns_topic_subscription.this["photos"].endpoint == "arn:aws:sqs:eu-central-1:123456789012:index" &&
      aws_sns_topic_subscription.this["photos"].raw_message_delivery
    )
    error_message = "The queue is not subscribed, or receives an envelope."
  }
}

run "without_topics_nobody_may_send" {
  variables {
    topics = {}
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_sqs_queue_policy.this[0].policy).Statement : statement.Effect == "Deny"])
    error_message = "A sender is allowed."
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

run "zero_receives_are_refused" {
  command = plan

  variables {
    max_receives = 0
  }

  expect_failures = [var.max_receives]
}
