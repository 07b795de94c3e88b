# The service as a whole: everything in the manifest is created, named by stage, wired, guarded and watched.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }
}

run "the_service_is_wired_and_guarded" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["service"]
    mail_sender = "auctions@example.com"
  }

  assert {
    condition = toset(keys(module.api.routes)) == toset(flatten([
      for entry in values(jsondecode(file("../lambdas/service.json")).functions) : try(entry.trigger.http, [])
    ]))
    error_message = "The routes are not those of the manifest."
  }

  assert {
    condition = alltrue(flatten([
      for name, entry in jsondecode(file("../lambdas/service.json")).functions : [
        for route in try(entry.trigger.http, []) :
        module.api.routes[route].calls == module.function[name].invoke_arn &&
        module.api.routes[route].permits == "${module.function[name].name}:${module.function[name].alias}"
      ]
    ]))
    error_message = "A route calls another function than its own, or may not call it."
  }

  assert {
    condition = alltrue(flatten([
      for name, entry in jsondecode(file("../lambdas/service.json")).functions : [
        for route in try(entry.trigger.http, []) :
        module.api.routes[route].authorization == (entry.auth == "public" ? "NONE" : "JWT")
      ]
    ]))
    error_message = "A route that is not public lacks the authorizer."
  }

  assert {
    condition = sort([for key, route in module.api.routes : key if route.authorization == "NONE"]) == tolist([
      "GET /docs", "GET /docs/{file}", "GET /openapi.json",
      "POST /confirm", "POST /confirm/resend", "POST /login", "POST /login/mfa", "POST /login/mfa/setup", "POST /login/new_password",
      "POST /login/refresh", "POST /logout", "POST /password/forgot", "POST /password/reset", "POST /signup",
    ])
    error_message = "A route is public that neither issues or ends tokens nor serves the documentation. If that is intended, add it here."
  }

  assert {
    condition     = output.gateway_url == "https://mockapi.execute-api.eu-central-1.amazonaws.com/test"
    error_message = "The API's URL is wrong."
  }

  assert {
    condition     = alltrue([for function in module.function : function.reserved_concurrency == -1])
    error_message = "A new account, which has 10 calls, would refuse the deployment."
  }

  assert {
    condition = module.api.throttling == { for route in flatten([
      for entry in values(jsondecode(file("../lambdas/service.json")).functions) : [for key in try(entry.trigger.http, []) : { key = key, limits = entry.throttling } if can(entry.throttling)]
    ]) : route.key => route.limits }
    error_message = "The limits of the routes are not those of the manifest."
  }

  assert {
    condition = alltrue(flatten([
      for function in values(local.manifest.functions) : [
        for permission in function.permissions : concat(
          [for action in permission.actions : !strcontains(action, "*")],
          [for resource in permission.resources : can(regex("^[^*]+([/:]\\*)?$", resource))],
        )
      ]
    ]))
    error_message = "A permission has a wildcard that is not the end of a prefix."
  }
}

run "heavy_functions_have_calls_of_their_own" {
  command = plan

  variables {
    dist_dir            = run.fixtures.dist_dirs["service"]
    mail_sender         = "auctions@example.com"
    account_concurrency = 1000
  }

  assert {
    condition = { for name, function in module.function : name => function.reserved_concurrency if function.reserved_concurrency != -1 } == {
      for name, entry in jsondecode(file("../lambdas/service.json")).functions : name => entry.reserved_concurrency if can(entry.reserved_concurrency)
    }
    error_message = "A heavy function can use up the account's concurrency."
  }
}
