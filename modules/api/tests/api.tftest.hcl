mock_provider "aws" {}

override_resource {
  target = aws_apigatewayv2_api.this
  values = {
    id            = "api"
    api_endpoint  = "https://api.execute-api.eu-central-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:api"
  }
}

override_resource {
  target = aws_cloudwatch_log_group.access
  values = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/apigateway/yourplace-test" }
}

variables {
  name  = "yourplace-test"
  stage = "test"
  functions = {
    login    = { name = "yourplace-test-login", alias = "live", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/login/invocations" }
    download = { name = "yourplace-test-download", alias = "live", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/download/invocations" }
  }
  routes = {
    "POST /login"            = { function = "login", public = true }
    "GET /download"          = { function = "download", public = false }
    "POST /download"         = { function = "download", public = false }
    "PATCH /things/{id}/one" = { function = "download", public = false }
  }
  jwt                 = { issuer = "https://issuer.example.com/pool", audiences = ["client"] }
  authorizer_function = { name = "yourplace-test-authorize", alias = "live", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/authorize/invocations" }
}

run "each_route_calls_its_function" {
  assert {
    condition = alltrue([
      for key, route in var.routes :
      aws_apigatewayv2_route.this[key].target == "integrations/${aws_apigatewayv2_integration.this[route.function].id}" &&
      aws_apigatewayv2_integration.this[route.function].integration_uri == var.functions[route.function].invoke_arn
    ])
    error_message = "A route calls another function than its own."
  }

  assert {
    condition     = alltrue([for integration in aws_apigatewayv2_integration.this : integration.payload_format_version == "2.0"])
    error_message = "The functions read payload 2.0."
  }
}

run "the_gateway_may_call_a_function_for_its_own_routes_only" {
  assert {
    condition = { for key, permission in aws_lambda_permission.route : key => "${permission.function_name}:${permission.qualifier} ${permission.source_arn}" } == {
      "POST /login"            = "yourplace-test-login:live arn:aws:execute-api:eu-central-1:123456789012:api/test/POST/login"
      "GET /download"          = "yourplace-test-download:live arn:aws:execute-api:eu-central-1:123456789012:api/test/GET/download"
      "POST /download"         = "yourplace-test-download:live arn:aws:execute-api:eu-central-1:123456789012:api/test/POST/download"
      "PATCH /things/{id}/one" = "yourplace-test-download:live arn:aws:execute-api:eu-central-1:123456789012:api/test/PATCH/things/{id}/one"
    }
    error_message = "A permission is for another function, or for more than its route."
  }

  assert {
    condition     = alltrue([for permission in aws_lambda_permission.route : can(regex("^[A-Za-z0-9_-]+$", permission.statement_id)) && permission.principal == "apigateway.amazonaws.com"])
    error_message = "A statement id has characters that Lambda refuses, or another service may call."
  }
}

run "routes_need_a_token_unless_they_are_public" {
  assert {
    condition = (
      aws_apigatewayv2_route.this["POST /login"].authorization_type == "NONE" &&
      alltrue([
        for key in ["GET /download", "POST /download", "PATCH /things/{id}/one"] :
        aws_apigatewayv2_route.this[key].authorization_type == "JWT" &&
        aws_apigatewayv2_route.this[key].authorizer_id == aws_apigatewayv2_authorizer.jwt[0].id
      ])
    )
    error_message = "A public route needs a token, or another route does not."
  }

  assert {
    condition = (
      aws_apigatewayv2_authorizer.jwt[0].jwt_configuration[0].issuer == "https://issuer.example.com/pool" &&
      toset(aws_apigatewayv2_authorizer.jwt[0].jwt_configuration[0].audience) == toset(["client"]) &&
      toset(aws_apigatewayv2_authorizer.jwt[0].identity_sources) == toset(["$request.header.Authorization"])
    )
    error_message = "The authorizer accepts other tokens than the pool's."
  }

  assert {
    condition     = length(aws_apigatewayv2_authorizer.lambda) == 0 && length(aws_lambda_permission.authorizer) == 0
    error_message = "There is a second authorizer."
  }
}

run "the_lambda_authorizer_takes_its_place" {
  variables {
    authorizer = "lambda"
  }

  assert {
    condition = (
      aws_apigatewayv2_route.this["POST /login"].authorization_type == "NONE" &&
      aws_apigatewayv2_route.this["GET /download"].authorization_type == "CUSTOM" &&
      aws_apigatewayv2_route.this["GET /download"].authorizer_id == aws_apigatewayv2_authorizer.lambda[0].id &&
      length(aws_apigatewayv2_authorizer.jwt) == 0
    )
    error_message = "The routes do not use the Lambda authorizer."
  }

  assert {
    condition = (
      aws_apigatewayv2_authorizer.lambda[0].authorizer_type == "REQUEST" &&
      aws_apigatewayv2_authorizer.lambda[0].authorizer_uri == var.authorizer_function.invoke_arn &&
      aws_apigatewayv2_authorizer.lambda[0].authorizer_payload_format_version == "2.0" &&
      aws_apigatewayv2_authorizer.lambda[0].enable_simple_responses &&
      aws_apigatewayv2_authorizer.lambda[0].authorizer_result_ttl_in_seconds == 0 &&
      length(aws_apigatewayv2_authorizer.lambda[0].identity_sources) == 0
    )
    error_message = "The authorizer must be asked each time, with payload 2.0 and simple responses."
  }

  assert {
    condition = (
      aws_lambda_permission.authorizer[0].qualifier == "live" &&
      aws_lambda_permission.authorizer[0].source_arn == "arn:aws:execute-api:eu-central-1:123456789012:api/authorizers/${aws_apigatewayv2_authorizer.lambda[0].id}"
    )
    error_message = "The gateway may not call the authorizer, or another API may."
  }
}

run "requests_are_throttled_and_logged" {
  variables {
    throttling = { rate = 7, burst = 9 }
  }

  assert {
    condition = (
      aws_apigatewayv2_stage.this.default_route_settings[0].throttling_rate_limit == 7 &&
      aws_apigatewayv2_stage.this.default_route_settings[0].throttling_burst_limit == 9
    )
    error_message = "The stage is not throttled as asked."
  }

  assert {
    condition = (
      aws_apigatewayv2_stage.this.access_log_settings[0].destination_arn == aws_cloudwatch_log_group.access.arn &&
      aws_cloudwatch_log_group.access.retention_in_days == 30
    )
    error_message = "Requests are not logged, or the log has no retention."
  }

  assert {
    condition = alltrue([
      for name in ["request_id", "route", "status", "time"] :
      contains(keys(jsondecode(aws_apigatewayv2_stage.this.access_log_settings[0].format)), name)
    ])
    error_message = "The access log lacks what is needed to find a request."
  }

  assert {
    condition     = !can(regex("header|queryString|authorizer.claims|requestOverride", aws_apigatewayv2_stage.this.access_log_settings[0].format))
    error_message = "The access log has headers, query strings or claims."
  }
}

run "a_route_accepts_no_more_than_its_own_limit_and_the_stages" {
  variables {
    throttling = { rate = 7, burst = 90 }
    routes = {
      "POST /login"   = { function = "login", public = true, throttling = { rate = 5, burst = 10 } }
      "GET /download" = { function = "download", public = false, throttling = { rate = 50, burst = 100 } }
      "GET /free"     = { function = "download", public = false }
    }
  }

  assert {
    condition = { for settings in aws_apigatewayv2_stage.this.route_settings : settings.route_key => [settings.throttling_rate_limit, settings.throttling_burst_limit] } == {
      "POST /login"   = [5, 10]
      "GET /download" = [7, 90]
    }
    error_message = "A route accepts more than its limit or the stage's, or a route without a limit got one."
  }
}

run "no_browser_may_call_by_default" {
  assert {
    condition     = length(aws_apigatewayv2_api.this.cors_configuration) == 0
    error_message = "CORS is on although no origin was named."
  }
}

run "named_origins_may_call" {
  variables {
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition = (
      toset(aws_apigatewayv2_api.this.cors_configuration[0].allow_origins) == toset(["https://app.example.com"]) &&
      contains(aws_apigatewayv2_api.this.cors_configuration[0].allow_headers, "authorization") &&
      aws_apigatewayv2_api.this.cors_configuration[0].allow_credentials != true
    )
    error_message = "The origin may not call, or may send cookies."
  }
}

run "the_url_has_the_stage" {
  assert {
    condition     = output.url == "https://api.execute-api.eu-central-1.amazonaws.com/test"
    error_message = "The URL is wrong."
  }
}

run "a_route_without_a_function_is_refused" {
  command = plan

  variables {
    routes = { "GET /nowhere" = { function = "nothing", public = false } }
  }

  expect_failures = [var.routes]
}

run "a_route_without_a_method_is_refused" {
  command = plan

  variables {
    routes = { "/login" = { function = "login", public = true } }
  }

  expect_failures = [var.routes]
}

run "a_limit_of_zero_is_refused" {
  command = plan

  variables {
    throttling = { rate = 0, burst = 0 }
  }

  expect_failures = [var.throttling]
}

run "an_origin_with_a_path_is_refused" {
  command = plan

  variables {
    cors_origins = ["https://app.example.com/"]
  }

  expect_failures = [var.cors_origins]
}

run "an_unknown_authorizer_is_refused" {
  command = plan

  variables {
    authorizer = "none"
  }

  expect_failures = [var.authorizer]
}

run "the_lambda_authorizer_without_its_function_is_refused" {
  command = plan

  variables {
    authorizer          = "lambda"
    authorizer_function = null
  }

  expect_failures = [var.authorizer_function]
}
