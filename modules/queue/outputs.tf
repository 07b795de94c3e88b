output "name" {
  description = "The queue's name"
  value       = aws_sqs_queue.this.name
}

output "dead_letter_name" {
  description = "The name of the queue of dead letters"
  value       = aws_sqs_queue.dead.name
}

output "dead_letter_url" {
  description = "The URL of the queue of dead letters"
  value       = aws_sqs_queue.dead.id
}

output "dead_letter_arn" {
  description = "The ARN of the queue of dead letters"
  value       = aws_sqs_queue.dead.arn
}

output "url" {
  description = "The queue's URL"
  value       = aws_sqs_queue.this.id
}

# With the policy: S3 tries whether it may send when the notification is made.
output "arn" {
  description = "The queue's ARN"
  value       = aws_sqs_queue.this.arn
  depends_on  = [aws_sqs_queue_policy.this]
}

output "visibility_timeout" {
  description = "Seconds that a message stays hidden while it is worked on"
  value       = aws_sqs_queue.this.visibility_timeout_seconds
}
