# One distribution for the app and the API, so that both have the same origin. scripts/publish uploads the app's files.

data "aws_region" "current" {}

locals {
  headers = {
    for name, value in jsondecode(file("${path.module}/headers.json")) :
    lower(name) => replace(value, "$${bucket_origin}", var.photo_bucket_origin)
  }

  # CloudFront's managed policies have the same ids in all accounts (Amazon CloudFront Developer Guide, "Use managed
  # cache policies" and "Use managed origin request policies").
  policies = {
    CachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    CachingDisabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    # Cookies, queries and headers, but without Host: the gateway refuses requests for another host than its own.
    AllViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
  }

  functions = {
    page    = file("${path.module}/functions/page.js")
    api     = file("${path.module}/functions/api.js")
    headers = "const HEADERS = ${jsonencode(local.headers)}\n${file("${path.module}/functions/headers.js")}"
  }
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = "${var.name}-web"
  description                       = "Reads the files of the web app ${var.name}"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_function" "this" {
  for_each = local.functions

  name    = "${var.name}-web-${each.key}"
  comment = "functions/${each.key}.js of the web app"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = each.value
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_68:The firewall is optional; without it, the API has the limits of its routes
  #checkov:skip=CKV2_AWS_47:The service is written in Rust and has no Log4j
  #checkov:skip=CKV_AWS_86:The gateway logs requests to the API; logs of static files would only record who looked at what
  #checkov:skip=CKV_AWS_310:The files are in one bucket, and the API is in one region
  #checkov:skip=CKV_AWS_374:Users may be anywhere
  #checkov:skip=CKV_AWS_174:CloudFront's own domain always has TLSv1; a domain of one's own has TLSv1.2_2021
  #checkov:skip=CKV2_AWS_42:A domain of one's own is optional
  #checkov:skip=CKV2_AWS_32:A function sets the headers: IAM can tell functions of two stages apart, but not their header policies
  enabled             = true
  comment             = "The web app and the API of ${var.name}"
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  default_root_object = "index.html"
  aliases             = var.domain[*].name
  price_class         = "PriceClass_100"
  web_acl_id          = one(aws_wafv2_web_acl.this[*].arn)

  origin {
    origin_id                = "files"
    domain_name              = "${var.bucket_name}.s3.${data.aws_region.current.region}.amazonaws.com"
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id   = "api"
    domain_name = var.api.host
    origin_path = "/${var.api.stage}"

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
      # As long as the gateway waits for a function.
      origin_read_timeout = 30
    }
  }

  default_cache_behavior {
    target_origin_id       = "files"
    viewer_protocol_policy = "redirect-to-https"
    allowed_methods        = ["GET", "HEAD"]
    cached_methods         = ["GET", "HEAD"]
    compress               = true
    cache_policy_id        = local.policies.CachingOptimized

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.this["page"].arn
    }

    function_association {
      event_type   = "viewer-response"
      function_arn = aws_cloudfront_function.this["headers"].arn
    }
  }

  # Responses are for one user, so nothing is cached. The functions of the API set the headers of its responses.
  ordered_cache_behavior {
    path_pattern             = "/api/*"
    target_origin_id         = "api"
    viewer_protocol_policy   = "https-only"
    allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods           = ["GET", "HEAD"]
    cache_policy_id          = local.policies.CachingDisabled
    origin_request_policy_id = local.policies.AllViewerExceptHostHeader

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.this["api"].arn
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = one(var.domain[*].certificate_arn)
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? null : "TLSv1.2_2021"
  }
}
