output "url" {
  description = "The address of the app, without a slash at its end, which is also its web origin"
  value       = "https://${var.domain == null ? aws_cloudfront_distribution.this.domain_name : var.domain.name}"
}

output "target" {
  description = "CloudFront's own domain, to which the DNS record of a domain of your own must point"
  value       = aws_cloudfront_distribution.this.domain_name
}
