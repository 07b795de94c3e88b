# Who may do what. The expected permissions are in who_may_do_what.json, beside the log that every function writes:
# a change of lambdas/functions.json that gives more or less must be made there too, on purpose.

mock_provider "aws" {
  source = "./tests/mocks"
}

override_resource {
  target = module.table["auctions"].aws_dynamodb_table.this
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/auctions" }
}

override_resource {
  target = module.table["mails"].aws_dynamodb_table.this
  values = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/mails" }
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
  target = module.queue["index"].aws_sqs_queue.this
  values = { arn = "arn:aws:sqs:eu-central-1:123456789012:index" }
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }

  variables {
    functions_files = ["../lambdas/functions.json", "tests/tables/everything.json"]
  }
}

run "each_function_may_do_what_is_expected_and_no_more" {
  variables {
    dist_dir    = run.fixtures.dist_dir
    mail_sender = "auctions@example.com"
    authorizer  = contains(keys(jsondecode(file("../lambdas/functions.json")).functions), "authorize") ? "lambda" : "jwt"
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
    }) == jsonencode(jsondecode(file("tests/who_may_do_what.json")))
    error_message = "The permissions differ from tests/who_may_do_what.json. What is deployed: ${jsonencode(output.policies)}"
  }

  assert {
    condition = alltrue([
      for statements in values(output.policies) :
      jsonencode(statements[0].Action) == jsonencode(["logs:CreateLogStream", "logs:PutLogEvents"]) &&
      jsonencode(statements[0].Resource) == jsonencode(["arn:aws:logs:eu-central-1:123456789012:log-group:mock:*"])
    ])
    error_message = "A function may do something else to logs than write its own."
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

run "triggers_bring_their_permissions" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    authorizer     = "lambda"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition = jsonencode({
      for name, statements in output.policies : name => flatten([
        for statement in slice(statements, 1, length(statements)) : [
          for action in statement.Action : [for resource in statement.Resource : "${action} ${resource}"]
        ]
      ])
      }) == jsonencode({
      authorize = []
      bid       = ["dynamodb:UpdateItem arn:aws:dynamodb:eu-central-1:123456789012:table/auctions"]
      index_images = [
        "sqs:ReceiveMessage arn:aws:sqs:eu-central-1:123456789012:index",
        "sqs:DeleteMessage arn:aws:sqs:eu-central-1:123456789012:index",
        "sqs:GetQueueAttributes arn:aws:sqs:eu-central-1:123456789012:index",
        "s3:PutObject arn:aws:s3:::mock/index/*",
      ]
      process_auctions = [
        "dynamodb:Query arn:aws:dynamodb:eu-central-1:123456789012:table/auctions/index/statusAndEndDate",
        "sqs:SendMessage arn:aws:sqs:eu-central-1:123456789012:mail",
      ]
      send_mail = [
        "sqs:ReceiveMessage arn:aws:sqs:eu-central-1:123456789012:mail",
        "sqs:DeleteMessage arn:aws:sqs:eu-central-1:123456789012:mail",
        "sqs:GetQueueAttributes arn:aws:sqs:eu-central-1:123456789012:mail",
        "dynamodb:UpdateItem arn:aws:dynamodb:eu-central-1:123456789012:table/mails",
        "ses:SendEmail arn:aws:ses:eu-central-1:123456789012:identity/mock",
      ]
    })
    error_message = "A queue, table or identity was permitted to the wrong function, or not at all."
  }
}
