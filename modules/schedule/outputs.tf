output "name" {
  description = "The schedule's name"
  value       = aws_scheduler_schedule.this.name
}

output "role_name" {
  description = "The name of the role that the schedule runs its function with"
  value       = aws_iam_role.this.name
}
