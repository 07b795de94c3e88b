# CloudFront with a custom domain in front of the API. WAF rules limit what one address may request.

locals {
  # AWS's policies for everyone: Amazon CloudFront Developer Guide, "Use managed cache policies" and "Use managed origin
  # request policies".
  caching_disabled                = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer_except_host_header   = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
  requests_that_check_credentials = "^/(login|logout|signup|confirm|password)(/|$)"
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192:The service is written in Rust and has no Log4j
  #checkov:skip=CKV2_AWS_31:The metrics count what is blocked; a log would contain tokens
  name        = var.name
  description = "Limits what one address may request of ${var.name}"
  scope       = "CLOUDFRONT"
  # Where AWS keeps the rules of CloudFront.
  region = "us-east-1"

  default_action {
    allow {}
  }

  rule {
    name     = "credentials"
    priority = 1

    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = "IP"
        evaluation_window_sec = 300
        limit                 = var.credential_requests

        scope_down_statement {
          regex_match_statement {
            regex_string = local.requests_that_check_credentials

            field_to_match {
              uri_path {}
            }

            text_transformation {
              priority = 0
              type     = "NONE"
            }
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-credentials"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "requests"
    priority = 2

    action {
      block {
        custom_response {
          response_code = 429
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = "IP"
        evaluation_window_sec = 300
        limit                 = var.requests
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-requests"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_86:The gateway logs every request
  #checkov:skip=CKV_AWS_305:An API has no index page
  #checkov:skip=CKV_AWS_310:There is one API; a second region doubles the cost
  #checkov:skip=CKV_AWS_374:Users may be anywhere
  #checkov:skip=CKV2_AWS_32:The functions set the headers of their responses
  #checkov:skip=CKV2_AWS_47:The service is written in Rust and has no Log4j
  comment         = "The API of ${var.name}"
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  aliases         = [var.domain]
  web_acl_id      = aws_wafv2_web_acl.this.arn

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

  # Responses are for one user, so nothing is cached.
  default_cache_behavior {
    target_origin_id         = "api"
    viewer_protocol_policy   = "https-only"
    allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods           = ["GET", "HEAD"]
    cache_policy_id          = local.caching_disabled
    origin_request_policy_id = local.all_viewer_except_host_header
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}
