output "origin" {
  description = "The origin of the app, which the photo bucket must let upload parts"
  value       = "https://${var.domain == null ? aws_cloudfront_distribution.this.domain_name : var.domain.name}"
}

output "distribution_domain" {
  description = "CloudFront's domain, to which the DNS record of a domain of one's own must point"
  value       = aws_cloudfront_distribution.this.domain_name
}

output "bucket" {
  description = "The name of the bucket with the app's files"
  value       = module.bucket.name
}
