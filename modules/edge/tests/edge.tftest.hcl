mock_provider "aws" {
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/yourplace-test/a" }
  }
}

variables {
  name            = "yourplace-test"
  api             = { host = "api.execute-api.eu-central-1.amazonaws.com", stage = "test" }
  domain          = "api.example.com"
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0e"
}

run "the_domain_leads_to_the_stage" {
  assert {
    condition = (
      toset(aws_cloudfront_distribution.this.aliases) == toset(["api.example.com"]) &&
      one(aws_cloudfront_distribution.this.origin).domain_name == "api.execute-api.eu-central-1.amazonaws.com" &&
      one(aws_cloudfront_distribution.this.origin).origin_path == "/test" &&
      output.url == "https://api.example.com"
    )
    error_message = "The domain leads elsewhere."
  }
}

run "responses_are_neither_cached_nor_sent_without_tls" {
  assert {
    condition = (
      aws_cloudfront_distribution.this.default_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" &&
      aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "https-only" &&
      one(aws_cloudfront_distribution.this.origin).custom_origin_config[0].origin_protocol_policy == "https-only" &&
      aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021"
    )
    error_message = "One user could get another's response, or a token could travel without TLS."
  }
}

run "one_address_cannot_use_up_the_limits_of_all" {
  assert {
    condition = {
      for rule in aws_wafv2_web_acl.this.rule : rule.name => [
        rule.statement[0].rate_based_statement[0].limit,
        rule.statement[0].rate_based_statement[0].aggregate_key_type,
        rule.action[0].block[0].custom_response[0].response_code,
      ]
      } == {
      credentials = [100, "IP", 429]
      requests    = [3000, "IP", 429]
    }
    error_message = "One address may make more requests."
  }

  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == aws_wafv2_web_acl.this.arn && aws_wafv2_web_acl.this.region == "us-east-1"
    error_message = "The rules are not those of the distribution, or not where CloudFront looks for them."
  }
}

run "log_ins_and_codes_have_their_own_limit" {
  assert {
    condition = alltrue([
      for route in [for route in keys({
        for key in flatten([
          for function in values(jsondecode(file("../../lambdas/service.json")).functions) : try(function.trigger.http, []) if try(function.auth, "") == "public"
        ]) : key => key
      }) : route if startswith(route, "POST ")] : can(regex(local.requests_that_check_credentials, trimprefix(route, "POST ")))
    ])
    error_message = "A public route that accepts passwords or sends codes has only the limit of all requests."
  }

  assert {
    condition     = !can(regex(local.requests_that_check_credentials, "/photos")) && !can(regex(local.requests_that_check_credentials, "/loginx"))
    error_message = "Other routes count as log-ins."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0f0e"
  }

  expect_failures = [var.certificate_arn]
}

run "a_domain_with_a_path_is_refused" {
  command = plan

  variables {
    domain = "api.example.com/v1"
  }

  expect_failures = [var.domain]
}
