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
  description = "The issuer (iss) of the pool's tokens"
  value       = "https://${aws_cognito_user_pool.this.endpoint}"
}

output "name" {
  description = "The pool's name"
  value       = aws_cognito_user_pool.this.name
}

output "deletion_protection" {
  description = "Whether AWS refuses to delete the pool"
  value       = aws_cognito_user_pool.this.deletion_protection == "ACTIVE"
}
