output "api_url" {
  description = "The base URL of the API, without a trailing slash"
  value       = local.api_url
}

output "gateway_url" {
  description = "The base URL of the API itself, without CloudFront in front of it"
  value       = local.gateway_url
}

output "web_url" {
  description = "The address of the web app, without a trailing slash; empty in a local cloud, where scripts/local serves it"
  value       = try(module.web[0].url, "")
}

output "web_target" {
  description = "CloudFront's own domain of the web app, which the DNS record of a domain of your own must name; empty in a local cloud"
  value       = try(module.web[0].target, "")
}

output "web_bucket" {
  description = "The bucket to which scripts/publish uploads the web app; empty in a local cloud"
  value       = var.local_endpoint == null ? local.web_bucket : ""
}

output "user_pool_id" {
  description = "The user pool's id"
  value       = module.users.id
}

output "user_pool_client_id" {
  description = "The id of the user pool's client"
  value       = module.users.client_id
}

output "bucket" {
  description = "The photo bucket's name"
  value       = local.bucket
}

output "region" {
  description = "The AWS region"
  value       = var.region
}

output "tables" {
  description = "The names of the tables"
  value       = { for name, table in module.table : name => table.name }
}

output "queue_urls" {
  description = "The URLs of the queues; those of the dead-letter queues under <queue>_dead"
  value = merge(
    { for name, queue in module.queue : name => queue.url },
    { for name, queue in module.queue : "${name}_dead" => queue.dead_letter_url },
  )
}

output "dashboard" {
  description = "The name of the CloudWatch dashboard"
  value       = module.alarms.dashboard
}

output "alarm_topic" {
  description = "The SNS topic to which alarms are published"
  value       = module.alarms.topic_arn
}

output "policies" {
  description = "The IAM statements of each function"
  value       = { for name, function in module.function : name => function.statements }
}
