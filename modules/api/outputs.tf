output "id" {
  description = "The API's id"
  value       = aws_apigatewayv2_api.this.id
}

# Not from the stage: the functions get this URL, and the stage depends on the functions.
output "url" {
  description = "The base URL of the stage, without a slash at its end"
  value       = "${aws_apigatewayv2_api.this.api_endpoint}/${var.stage}"
}

output "log_group" {
  description = "The name of the access log"
  value       = aws_cloudwatch_log_group.access.name
}

output "routes" {
  description = "The routes: what each calls, which function and alias the gateway may call, and what checks the token (NONE, JWT or CUSTOM)"
  value = {
    for key, route in aws_apigatewayv2_route.this : key => {
      calls         = aws_apigatewayv2_integration.this[var.routes[key].function].integration_uri
      permits       = "${aws_lambda_permission.route[key].function_name}:${aws_lambda_permission.route[key].qualifier}"
      authorization = route.authorization_type
    }
  }
}

output "throttling" {
  description = "The requests per second (rate) and at once (burst) of the routes that accept fewer than others"
  value = { for settings in aws_apigatewayv2_stage.this.route_settings : settings.route_key => {
    rate  = settings.throttling_rate_limit
    burst = settings.throttling_burst_limit
  } }
}
