# What each function may do. The manifest is where permissions are reviewed. Here: they reach the role unchanged, with
# the ARNs that the placeholders mean, and a function gets no others than those of its log and its queue.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = module.table["auctions"].aws_dynamodb_table.this
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/auctions" }
}

override_resource {
  target = module.table["library"].aws_dynamodb_table.this
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/library" }
}

override_resource {
  target = module.table["mails"].aws_dynamodb_table.this
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/mails" }
}

override_resource {
  target = module.queue["index"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:index" }
}

override_resource {
  target = module.queue["index"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:index-dead" }
}

override_resource {
  target = module.queue["jobs"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs" }
}

override_resource {
  target = module.queue["jobs"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:jobs-dead" }
}

override_resource {
  target = module.queue["mail"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:mail" }
}

override_resource {
  target = module.queue["mail"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:mail-dead" }
}

override_resource {
  target = module.queue["renditions"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:renditions" }
}

override_resource {
  target = module.queue["renditions"].aws_sqs_queue.dead
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:renditions-dead" }
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }
}

run "a_function_may_do_what_its_entry_says_and_no_more" {
  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    authorizer  = "lambda"
    mail_sender = "auctions@example.com"
  }

  assert {
    condition = jsonencode({
      for name, statements in output.policies : name => flatten([
        for statement in slice(statements, 1, length(statements)) : [
          for action in statement.Action : [
            for resource in statement.Resource :
            "${action} ${resource}${can(statement.Condition) ? " if ${jsonencode(statement.Condition)}" : ""}"
          ]
        ]
      ])
      }) == jsonencode({
      authorize = []
      bid       = ["dynamodb:UpdateItem arn:aws:dynamodb:eu-central-1:123456789012:table/auctions"]
      index_images = [
        "sqs:ReceiveMessage arn:aws:sqs:eu-central-1:123456789012:index",
        "sqs:DeleteMessage arn:aws:sqs:eu-central-1:123456789012:index",
        "sqs:GetQueueAttributes arn:aws:sqs:eu-central-1:123456789012:index",
        "s3:ListBucket arn:aws:s3:::mock if {\"StringLike\":{\"s3:prefix\":[\"photos/*\"]}}",
        "s3:PutObject arn:aws:s3:::mock/index/*",
      ]
      process_auctions = [
        "dynamodb:Query arn:aws:dynamodb:eu-central-1:123456789012:table/auctions/index/statusAndEndDate",
        "sqs:SendMessage arn:aws:sqs:eu-central-1:123456789012:mail",
      ]
      render = [
        "sqs:ReceiveMessage arn:aws:sqs:eu-central-1:123456789012:renditions",
        "sqs:DeleteMessage arn:aws:sqs:eu-central-1:123456789012:renditions",
        "sqs:GetQueueAttributes arn:aws:sqs:eu-central-1:123456789012:renditions",
        "dynamodb:Query arn:aws:dynamodb:eu-central-1:123456789012:table/library/index/byTime",
        "sqs:SendMessage arn:aws:sqs:eu-central-1:123456789012:jobs-dead",
      ]
      send_mail = [
        "sqs:ReceiveMessage arn:aws:sqs:eu-central-1:123456789012:mail",
        "sqs:DeleteMessage arn:aws:sqs:eu-central-1:123456789012:mail",
        "sqs:GetQueueAttributes arn:aws:sqs:eu-central-1:123456789012:mail",
        "dynamodb:UpdateItem arn:aws:dynamodb:eu-central-1:123456789012:table/mails",
        "ses:SendEmail arn:aws:ses:eu-central-1:123456789012:identity/mock",
      ]
      sweep = []
    })
    error_message = "The permissions differ from those of the manifest. What is deployed: ${jsonencode(output.policies)}"
  }

  assert {
    condition = alltrue([
      for statements in values(output.policies) :
      jsonencode(statements[0].Action) == jsonencode(["logs:CreateLogStream", "logs:PutLogEvents"]) &&
      jsonencode(statements[0].Resource) == jsonencode(["arn:aws:logs:eu-central-1:123456789012:log-group:mock:*"])
    ])
    error_message = "A function may do more with logs than write its own."
  }

  assert {
    condition = alltrue(flatten([
      for statements in values(output.policies) : [
        for statement in statements : concat(
          [for action in statement.Action : !strcontains(action, "*")],
          [for resource in statement.Resource : can(regex("^arn:[^*]+([/:]\\*)?$", resource))],
          [statement.Effect == "Allow"],
        )
      ]
    ]))
    error_message = "A policy has a wildcard that is not the end of a prefix."
  }
}
