output "url" {
  description = "The base URL of the API behind the distribution, without a slash at its end"
  value       = "https://${var.domain}"
}

output "target" {
  description = "The host that the domain's DNS record must name (CNAME, or an alias in Route 53)"
  value       = aws_cloudfront_distribution.this.domain_name
}
