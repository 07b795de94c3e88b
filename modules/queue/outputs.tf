output "name" {
  description = "The queue's name"
  value       = aws_sqs_queue.this.name
}

output "dead_letter_name" {
  description = "The name of the dead-letter queue"
  value       = aws_sqs_queue.dead.name
}

output "dead_letter_url" {
  description = "The URL of the dead-letter queue"
  value       = aws_sqs_queue.dead.id
}

output "dead_letter_arn" {
  description = "The ARN of the dead-letter queue"
  value       = aws_sqs_queue.dead.arn
}

output "url" {
  description = "The queue's URL"
  value       = aws_sqs_queue.this.id
}

output "arn" {
  description = "The queue's ARN"
  value       = aws_sqs_queue.this.arn
}

output "topics" {
  description = "The ARNs of the topics that the queue is subscribed to, by name"
  value       = { for name, subscription in aws_sns_topic_subscription.this : name => subscription.topic_arn }
}

output "visibility_timeout" {
  description = "Seconds that a received message stays hidden"
  value       = aws_sqs_queue.this.visibility_timeout_seconds
}
