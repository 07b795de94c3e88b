output "topic_arn" {
  description = "The topic that alarms go to"
  value       = aws_sns_topic.alarms.arn
}

output "dashboard" {
  description = "The dashboard's name"
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "names" {
  description = "The names of all alarms"
  value       = sort(concat([aws_cloudwatch_metric_alarm.api_4xx.alarm_name, aws_cloudwatch_metric_alarm.release_5xx.alarm_name], values(aws_cloudwatch_metric_alarm.this)[*].alarm_name))
}

output "names_by_key" {
  description = "The names of the alarms on one metric, by their ends, as in login-errors"
  value       = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.alarm_name }
}

output "release_5xx" {
  description = "The name of the alarm on the number of server errors, which ends a release"
  value       = aws_cloudwatch_metric_alarm.release_5xx.alarm_name
}
