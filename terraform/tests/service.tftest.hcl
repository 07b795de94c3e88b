# The service as a whole: what the table speaks of is made, named by the stage, wired, guarded and watched.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }

  variables {
    functions_files = ["../lambdas/functions.json", "tests/tables/everything.json"]
    entries = {
      awkward = jsonencode({ one = {
        description = "One", trigger = { http = ["POST /one"] }, auth = "public", memory = 256, timeout = 10, permissions = []
        environment = { ISSUERS = "$${trusted_issuers}" }
      } })
    }
  }
}

run "routes_are_wired_and_guarded" {
  variables {
    dist_dir    = run.fixtures.dist_dir
    mail_sender = "auctions@example.com"
  }

  assert {
    condition = toset(keys(module.api.routes)) == toset(flatten([
      for entry in values(jsondecode(file("../lambdas/functions.json")).functions) : try(entry.trigger.http, [])
    ]))
    error_message = "The routes are not those of the table."
  }

  assert {
    condition = alltrue(flatten([
      for name, entry in jsondecode(file("../lambdas/functions.json")).functions : [
        for route in try(entry.trigger.http, []) :
        module.api.routes[route].calls == module.function[name].invoke_arn &&
        module.api.routes[route].permits == module.function[name].name
      ]
    ]))
    error_message = "A route calls a function that is not its own, or may not call its own."
  }

  assert {
    condition = alltrue(flatten([
      for name, entry in jsondecode(file("../lambdas/functions.json")).functions : [
        for route in try(entry.trigger.http, []) :
        module.api.routes[route].authorization == (entry.auth == "public" ? "NONE" : "JWT")
      ]
    ]))
    error_message = "A route that is not public lacks the authorizer."
  }

  assert {
    condition = sort([for key, route in module.api.routes : key if route.authorization == "NONE"]) == tolist([
      "POST /confirm", "POST /confirm/resend", "POST /login", "POST /login/new_password", "POST /login/refresh",
      "POST /password/forgot", "POST /password/reset", "POST /signup",
    ])
    error_message = "Other routes than those that give tokens are public."
  }

  assert {
    condition     = output.api_url == "https://mockapi.execute-api.eu-central-1.amazonaws.com/test"
    error_message = "The API's URL is wrong."
  }
}

run "names_carry_the_stage" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    stage          = "blue"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition = alltrue([
      for name, function in module.function :
      function.name == "yourplace-blue-${name}" && function.log_group == "/aws/lambda/yourplace-blue-${name}"
    ])
    error_message = "A function or its log is not named by the stage."
  }

  assert {
    condition     = output.tables == { auctions = "yourplace-blue-auctions", mails = "yourplace-blue-mails" }
    error_message = "A table is not named by the stage."
  }

  assert {
    condition = jsonencode({ for name, queue in module.queue : name => [queue.name, queue.dead_letter_name] }) == jsonencode({
      index = ["yourplace-blue-index", "yourplace-blue-index-dead"]
      mail  = ["yourplace-blue-mail", "yourplace-blue-mail-dead"]
    })
    error_message = "A queue is not named by the stage."
  }

  assert {
    condition = (
      module.schedule["process_auctions"].name == "yourplace-blue-process_auctions" &&
      module.api.log_group == "/aws/apigateway/yourplace-blue" &&
      module.users.name == "yourplace-blue" &&
      output.dashboard == "yourplace-blue" &&
      alltrue([for name in module.alarms.names : startswith(name, "yourplace-blue-")])
    )
    error_message = "A schedule, a log, the pool, the dashboard or an alarm is not named by the stage."
  }

  assert {
    condition     = endswith(output.api_url, "/blue")
    error_message = "The stage is not part of the API's paths."
  }
}

run "what_the_table_does_not_speak_of_is_not_made" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = run.fixtures.tables["awkward"]
  }

  assert {
    condition     = length(module.table) + length(module.queue) + length(module.mail) + length(module.schedule) == 0
    error_message = "There are tables, queues, mail or schedules that no function uses."
  }
}

run "placeholders_are_escaped_as_json" {
  variables {
    dist_dir        = run.fixtures.dist_dir
    functions_file  = run.fixtures.tables["awkward"]
    trusted_issuers = [{ issuer = "https://tenant.example.com/", audiences = ["a \"quoted\" one"], alias = "tenant" }]
  }

  assert {
    condition = jsonencode(jsondecode(module.function["one"].environment["ISSUERS"])) == jsonencode([
      {
        issuer    = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Mock"
        audiences = [module.users.client_id]
        kind      = "cognito"
      },
      {
        issuer    = "https://tenant.example.com/"
        audiences = ["a \"quoted\" one"]
        alias     = "tenant"
        kind      = "oidc"
      },
    ])
    error_message = "The issuers do not reach the function as they were given."
  }
}

run "functions_that_check_tokens_know_the_issuers" {
  variables {
    dist_dir    = run.fixtures.dist_dir
    mail_sender = "auctions@example.com"
  }

  assert {
    condition = alltrue([
      for name, entry in jsondecode(file("../lambdas/functions.json")).functions :
      can(module.function[name].environment["TRUSTED_ISSUERS"]) == (entry.auth == "token")
      if can(entry.trigger.http)
    ])
    error_message = "TRUSTED_ISSUERS is not where tokens are checked, and only there."
  }

  assert {
    condition     = alltrue([for function in module.function : !can(function.environment["AWS_ENDPOINT_URL"])])
    error_message = "A function in AWS is sent to a local cloud."
  }
}

run "the_lambda_authorizer_guards_in_place_of_the_gateway" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    authorizer     = "lambda"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition     = module.api.routes["PATCH /auctions/{id}/bid"].authorization == "CUSTOM" && contains(keys(module.function), "authorize")
    error_message = "The route is not guarded by the function authorize."
  }
}

run "without_it_the_authorizer_function_is_not_made" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition     = module.api.routes["PATCH /auctions/{id}/bid"].authorization == "JWT" && !contains(keys(module.function), "authorize")
    error_message = "The function authorize is made although nobody calls it."
  }
}

run "the_layer_is_where_tokens_are_checked" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    authorizer     = "lambda"
    layer          = true
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition     = toset([for name, function in module.function : name if length(function.layers) == 1]) == toset(["authorize", "bid"])
    error_message = "The layer is not where tokens are checked, and only there."
  }
}

run "everything_is_watched" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition = toset(module.alarms.names) == toset(concat(
      ["yourplace-test-api-4xx", "yourplace-test-api-5xx", "yourplace-test-process_auctions-stopped"],
      flatten([for name in keys(module.function) : [for kind in ["errors", "throttles", "duration"] : "yourplace-test-${name}-${kind}"]]),
      flatten([for name in ["index", "mail"] : ["yourplace-test-${name}-dead-letters", "yourplace-test-${name}-age"]]),
    ))
    error_message = "A function, a queue or the schedule has no alarm."
  }
}

run "messages_stay_hidden_long_enough" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition     = module.queue["index"].visibility_timeout == 6 * 60 + 1 && module.queue["mail"].visibility_timeout == 6 * 30
    error_message = "A message would come back while a function still works on it."
  }
}

run "the_bucket_tells_the_index_queue" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition     = module.bucket.notifies == module.queue["index"].arn
    error_message = "The queue of the dictionary hears nothing of photos."
  }
}

run "production_is_protected" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    mail_sender    = "auctions@example.com"
    stage          = "prod"
  }

  assert {
    condition     = module.users.deletion_protection && alltrue([for table in module.table : table.deletion_protection])
    error_message = "The users or a table of production could be deleted."
  }
}

run "a_test_stage_is_not_protected_by_default" {
  variables {
    dist_dir       = run.fixtures.dist_dir
    functions_file = "tests/tables/everything.json"
    mail_sender    = "auctions@example.com"
  }

  assert {
    condition     = !module.users.deletion_protection && alltrue([for table in module.table : !table.deletion_protection])
    error_message = "A test stage could not be deleted."
  }
}

run "any_stage_can_be_protected" {
  variables {
    dist_dir            = run.fixtures.dist_dir
    functions_file      = run.fixtures.tables["awkward"]
    deletion_protection = true
  }

  assert {
    condition     = module.users.deletion_protection
    error_message = "The variable has no effect."
  }
}
