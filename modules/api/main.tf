locals {
  jwt    = var.authorizer == "jwt"
  called = toset([for route in values(var.routes) : route.function])

  # POST /a/{id} becomes POST/a/{id}, the end of the ARN that the gateway calls from.
  source_paths = { for key in keys(var.routes) : key => replace(key, " ", "") }
}

resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = "The HTTP API of ${var.name}"
  protocol_type = "HTTP"

  dynamic "cors_configuration" {
    for_each = length(var.cors_origins) == 0 ? [] : [var.cors_origins]

    content {
      allow_origins  = cors_configuration.value
      allow_methods  = ["DELETE", "GET", "PATCH", "POST", "PUT"]
      allow_headers  = ["accept", "authorization", "content-disposition", "content-type", "idempotency-key", "if-none-match", "jwt"]
      expose_headers = ["content-disposition", "etag", "location", "retry-after", "www-authenticate"]
      max_age        = 3600
    }
  }
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = local.jwt ? 1 : 0

  api_id           = aws_apigatewayv2_api.this.id
  name             = "${var.name}-jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = var.jwt.audiences
  }
}

# Either of two headers may carry the token, so there is no identity source. Without one, nothing can be cached.
resource "aws_apigatewayv2_authorizer" "lambda" {
  count = local.jwt ? 0 : 1

  api_id                            = aws_apigatewayv2_api.this.id
  name                              = "${var.name}-lambda"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = var.authorizer_function.invoke_arn
  authorizer_payload_format_version = "2.0"
  authorizer_result_ttl_in_seconds  = 0
  enable_simple_responses           = true
  identity_sources                  = []
}

resource "aws_lambda_permission" "authorizer" {
  count = local.jwt ? 0 : 1

  statement_id  = "authorizer"
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_function.name
  qualifier     = var.authorizer_function.alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.lambda[0].id}"
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.called

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = var.functions[each.key].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:The manifest says which routes are public: those that issue tokens
  for_each = var.routes

  api_id    = aws_apigatewayv2_api.this.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.this[each.value.function].id}"

  authorization_type = each.value.public ? "NONE" : (local.jwt ? "JWT" : "CUSTOM")
  authorizer_id = each.value.public ? null : one(concat(
    aws_apigatewayv2_authorizer.jwt[*].id,
    aws_apigatewayv2_authorizer.lambda[*].id,
  ))
}

# The gateway may call a function for its own routes only.
resource "aws_lambda_permission" "route" {
  for_each = var.routes

  statement_id  = replace(replace(each.key, "/[^A-Za-z0-9_]+/", "-"), "/-$/", "")
  action        = "lambda:InvokeFunction"
  function_name = var.functions[each.value.function].name
  qualifier     = var.functions[each.value.function].alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/${local.source_paths[each.key]}"
}

resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts every group with an AWS-owned key; the log has no tokens, bodies or query strings
  #checkov:skip=CKV_AWS_338:Who called what when is personal data: it is kept only as long as it helps to find a fault (log_retention_days)
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = var.stage
  auto_deploy = true

  # No query string and no header: they may contain tokens and names.
  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format = jsonencode({
      request_id          = "$context.requestId"
      time                = "$context.requestTime"
      source_ip           = "$context.identity.sourceIp"
      method              = "$context.httpMethod"
      path                = "$context.path"
      route               = "$context.routeKey"
      status              = "$context.status"
      response_length     = "$context.responseLength"
      response_latency    = "$context.responseLatency"
      integration_latency = "$context.integrationLatency"
      integration_status  = "$context.integrationStatus"
      integration_error   = "$context.integrationErrorMessage"
      authorizer_error    = "$context.authorizer.error"
      gateway_error       = "$context.error.message"
    })
  }

  default_route_settings {
    throttling_rate_limit  = var.throttling.rate
    throttling_burst_limit = var.throttling.burst
  }

  dynamic "route_settings" {
    for_each = { for key, route in var.routes : key => route.throttling if route.throttling != null }

    content {
      route_key              = route_settings.key
      throttling_rate_limit  = min(route_settings.value.rate, var.throttling.rate)
      throttling_burst_limit = min(route_settings.value.burst, var.throttling.burst)
    }
  }

  # The first deployment has all routes, and may call their functions.
  depends_on = [aws_apigatewayv2_route.this, aws_lambda_permission.route, aws_lambda_permission.authorizer]
}
