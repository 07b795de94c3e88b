output "sender" {
  description = "The mail address that mails come from"
  value       = aws_sesv2_email_identity.this.email_identity
}

output "identity_arn" {
  description = "The ARN of the identity that a function needs ses:SendEmail on"
  value       = aws_sesv2_email_identity.this.arn
}
