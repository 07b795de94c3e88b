# WAF rules that limit what one address may request.

locals {
  # As clients call them: WAF sees a request before the function that removes /api.
  requests_that_check_credentials = "^/api/(login|logout|signup|confirm|password)(/|$)"
}

resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192:The service is written in Rust and has no Log4j
  #checkov:skip=CKV2_AWS_31:The metrics count what is blocked; a log would contain tokens
  count = var.firewall == null ? 0 : 1

  name        = var.name
  description = "Limits what one address may request of ${var.name}"
  scope       = "CLOUDFRONT"
  # The only region for rules of CloudFront.
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
        limit                 = var.firewall.credential_requests

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
        limit                 = var.firewall.requests
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

  # When the rules are removed, the distribution must let go of them first: AWS deletes none that are in use.
  lifecycle {
    create_before_destroy = true
  }
}
