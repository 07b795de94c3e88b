output "state_bucket" {
  description = "Name of the bucket that holds Terraform's state."
  value       = aws_s3_bucket.state.bucket
}

output "backend" {
  description = "Contents of backend.tf, which moves this state into its bucket: `terraform output -raw backend > backend.tf && terraform init -migrate-state`."
  value       = <<-EOT
    terraform {
      backend "s3" {
        bucket       = "${aws_s3_bucket.state.bucket}"
        key          = "bootstrap/terraform.tfstate"
        region       = "${var.region}"
        encrypt      = true
        use_lockfile = true
      }
    }
  EOT
}

output "clone_url" {
  description = "URL to clone the repository from and to push to."
  value       = module.pipeline.clone_url
}

output "connection_arn" {
  description = "With GitHub, ARN of the connection that a person must confirm once in the console. With CodeCommit, null."
  value       = module.pipeline.connection_arn
}

output "pipeline_name" {
  description = "Name of the pipeline."
  value       = module.pipeline.pipeline_name
}

output "deployments" {
  description = "By stage: values of `api_id` and `permissions_boundary_arn` for a manual deployment. They must be those that the pipeline uses."
  value       = { for s in var.stages : s.name => s.deployment != null ? s.deployment : module.stage[s.name].deployment }

  precondition {
    # SES lets whoever may use a domain's identity send from every address in it.
    condition = length(distinct(local.mail_identities)) == length(local.mail_identities) && !anytrue([
      for identity in local.mail_identities : anytrue([for other in local.mail_identities : endswith(other, "@${identity}") || endswith(other, ".${identity}")])
    ])
    error_message = "Two stages in this account must not send from the same address, nor one from a domain that contains the other's: functions of one stage could then send as the other."
  }
}

output "notifications_topic_arn" {
  description = "ARN of the SNS topic for failures and pending approvals."
  value       = module.pipeline.notifications_topic_arn
}
