output "api_url" {
  description = "The base URL of the API, without a slash at its end"
  value       = local.api_url
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
  value       = module.bucket.name
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
  description = "The URLs of the queues, and of their dead letters under the name with _dead"
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
  description = "The topic that alarms go to"
  value       = module.alarms.topic_arn
}

output "policies" {
  description = "What each function may do, for a reader: terraform output -json policies"
  value       = { for name, function in module.function : name => function.statements }
}

output "functions" {
  description = "The functions of the table"
  value       = keys(local.functions)

  precondition {
    condition     = length(local.problems) == 0
    error_message = "The table ${var.functions_file} is malformed:\n- ${join("\n- ", local.problems)}"
  }
}
