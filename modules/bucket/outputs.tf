output "name" {
  description = "The bucket's name"
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket's ARN"
  value       = aws_s3_bucket.this.arn
}

output "topics" {
  description = "The ARNs of the topics that receive events, by prefix"
  value       = { for topic in flatten(aws_s3_bucket_notification.this[*].topic) : topic.filter_prefix => topic.topic_arn }
}
