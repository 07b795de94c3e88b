output "pipeline_name" {
  description = "Name of the pipeline."
  value       = aws_codepipeline.this.name
}

output "pipeline_arn" {
  description = "ARN of the pipeline."
  value       = aws_codepipeline.this.arn
}

output "clone_url" {
  description = "HTTPS URL to clone the repository from."
  value       = local.github ? "https://github.com/${var.github_repository}.git" : aws_codecommit_repository.this[0].clone_url_http
}

output "connection_arn" {
  description = "ARN of the CodeConnections connection, which a person must confirm once in the console. null with CodeCommit."
  value       = local.github ? local.source_arn : null
}

output "notifications_topic_arn" {
  description = "ARN of the SNS topic for failures and pending approvals."
  value       = aws_sns_topic.notifications.arn
}

output "artifact_bucket" {
  description = "Name of the bucket that holds sources, zips, plans and the build cache."
  value       = aws_s3_bucket.artifacts.bucket
}
