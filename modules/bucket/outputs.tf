output "name" {
  description = "The bucket's name"
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket's ARN"
  value       = aws_s3_bucket.this.arn
}

output "notifies" {
  description = "The ARN of the queue that is told of objects; null for none"
  value       = one(aws_s3_bucket_notification.this[*].queue[0].queue_arn)
}
