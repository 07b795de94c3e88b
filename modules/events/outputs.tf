# With the policy: S3 checks that it may publish when it gets the topic.
output "topic_arn" {
  description = "The topic's ARN"
  value       = aws_sns_topic.this.arn
  depends_on  = [aws_sns_topic_policy.this]
}
