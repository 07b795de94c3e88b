output "name" {
  description = "The table's name"
  value       = aws_dynamodb_table.this.name
}

output "arn" {
  description = "The table's ARN; an index's is this, /index/ and its name"
  value       = aws_dynamodb_table.this.arn
}
