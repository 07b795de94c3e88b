output "name" {
  description = "The function's full name"
  value       = aws_lambda_function.this.function_name
}

output "alias" {
  description = "The name of the alias to call"
  value       = aws_lambda_alias.live.name
}

output "alias_arn" {
  description = "The alias' ARN"
  value       = aws_lambda_alias.live.arn
}

output "invoke_arn" {
  description = "The ARN with which API Gateway calls the alias"
  value       = aws_lambda_alias.live.invoke_arn
}

output "timeout" {
  description = "Seconds after which Lambda ends a call, for the alarm"
  value       = aws_lambda_function.this.timeout
}

output "reserved_concurrency" {
  description = "The most calls at once, which are also set aside for the function; -1 for no limit of its own"
  value       = aws_lambda_function.this.reserved_concurrent_executions
}

output "log_group" {
  description = "The name of the function's log group"
  value       = aws_cloudwatch_log_group.this.name
}

output "statements" {
  description = "The statements of the role's policy"
  value       = local.statements
}

output "environment" {
  description = "The function's environment variables"
  value       = aws_lambda_function.this.environment[0].variables
}

output "layers" {
  description = "The ARNs of the function's layers"
  value       = aws_lambda_function.this.layers
}
