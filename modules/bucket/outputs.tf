output "name" {
  description = "The bucket's name"
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket's ARN"
  value       = aws_s3_bucket.this.arn
}

output "readers" {
  description = "The distributions that may read all objects, as the bucket's policy names them"
  value       = { for name, distribution in var.readers : name => distribution if anytrue([for policy in aws_s3_bucket_policy.this : strcontains(policy.policy, distribution)]) }
}
