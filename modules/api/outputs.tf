output "id" {
  description = "The API's id"
  value       = aws_apigatewayv2_api.this.id
}

# Not of the stage: functions are told their address, and the stage's routes need the functions.
output "url" {
  description = "The base URL of the stage, without a slash at its end"
  value       = "${aws_apigatewayv2_api.this.api_endpoint}/${var.stage}"
}

output "log_group" {
  description = "The name of the access log"
  value       = aws_cloudwatch_log_group.access.name
}

output "guarded_routes" {
  description = "The routes that need a token"
  value       = sort(local.secure)
}
