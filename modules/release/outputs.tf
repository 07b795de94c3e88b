output "alarms" {
  description = "The alarms that end a release of each function, by its short name"
  value       = { for name, group in aws_codedeploy_deployment_group.this : name => group.alarm_configuration[0].alarms }
}
