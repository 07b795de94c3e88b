output "id" {
  description = "The pool's id"
  value       = aws_cognito_user_pool.this.id
}

output "arn" {
  description = "The pool's ARN"
  value       = aws_cognito_user_pool.this.arn
}

output "client_id" {
  description = "The id of the pool's one client"
  value       = aws_cognito_user_pool_client.this.id
}

output "issuer" {
  description = "The issuer that the pool's tokens name"
  value       = "https://${aws_cognito_user_pool.this.endpoint}"
}
