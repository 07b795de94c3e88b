output "pipeline_name" {
  description = "Name of the pipeline."
  value       = aws_codepipeline.this.name
}

output "pipeline_arn" {
  description = "ARN of the pipeline."
  value       = aws_codepipeline.this.arn
}

output "clone_url" {
  description = "Address to clone the repository from, over HTTPS."
  value       = local.github ? "https://github.com/${var.github_repository}.git" : aws_codecommit_repository.this[0].clone_url_http
}

output "connection_arn" {
  description = "ARN of the CodeConnections connection that a person must confirm; null with CodeCommit."
  value       = local.github ? local.source_arn : null
}

output "permissions_boundary_arns" {
  description = "By stage: the boundary that every role of the stage must carry (the root module's `permissions_boundary_arn`)."
  value       = { for stage, policy in aws_iam_policy.functions_boundary : stage => policy.arn }
}

output "notifications_topic_arn" {
  description = "ARN of the topic that hears of failures and approvals."
  value       = aws_sns_topic.notifications.arn
}

output "artifact_bucket" {
  description = "Name of the bucket with sources, zips, plans and the build cache."
  value       = aws_s3_bucket.artifacts.bucket
}
