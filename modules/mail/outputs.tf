output "sender" {
  description = "The email address that the service sends from"
  value       = aws_sesv2_email_identity.this.email_identity
}

output "identity_arn" {
  description = "The ARN of the identity; a function that sends needs ses:SendEmail on it"
  value       = aws_sesv2_email_identity.this.arn
}
