output "name" {
  description = "The table's name"
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "The table's ARN; an index's ARN is <this>/index/<name>"
  value       = aws_dynamodb_table.this.arn
}

output "deletion_protection" {
  description = "Whether AWS refuses to delete the table"
  value       = aws_dynamodb_table.this.deletion_protection_enabled
}
