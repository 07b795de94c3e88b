mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_wafv2_web_acl" {
    defaults = { arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/yourplace-test/a" }
  }
}

override_resource {
  target = aws_cloudfront_function.this["page"]
  values = { arn = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-page" }
}

override_resource {
  target = aws_cloudfront_function.this["api"]
  values = { arn = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-api" }
}

override_resource {
  target = aws_cloudfront_function.this["headers"]
  values = { arn = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-headers" }
}

override_resource {
  target = aws_cloudfront_distribution.this
  values = { domain_name = "d1.cloudfront.net" }
}

override_resource {
  target = aws_cloudfront_origin_access_control.this
  values = { id = "E1OAC" }
}

variables {
  name                = "yourplace-test"
  bucket_name         = "yourplace-test-web"
  api                 = { host = "a1b2c3.execute-api.eu-central-1.amazonaws.com", stage = "test" }
  photo_bucket_origin = "https://photos.s3.eu-central-1.amazonaws.com"
}

run "requests_for_the_api_reach_the_stage_uncached" {
  assert {
    condition = one([
      for origin in aws_cloudfront_distribution.this.origin : [origin.domain_name, origin.origin_path, origin.custom_origin_config[0].origin_protocol_policy] if origin.origin_id == "api"
    ]) == ["a1b2c3.execute-api.eu-central-1.amazonaws.com", "/test", "https-only"]
    error_message = "The API's origin is not its stage, or is called without TLS."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].path_pattern == "/api/*" &&
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].target_origin_id == "api" &&
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].viewer_protocol_policy == "https-only" &&
      contains(aws_cloudfront_distribution.this.ordered_cache_behavior[0].allowed_methods, "PATCH")
    )
    error_message = "Requests under /api do not reach the API, or a token could travel without TLS."
  }

  assert {
    condition = { for function in aws_cloudfront_distribution.this.ordered_cache_behavior[0].function_association : function.event_type => function.function_arn } == {
      viewer-request = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-api"
    }
    error_message = "The gateway gets paths with /api, which it does not have."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" &&
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].origin_request_policy_id == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    )
    error_message = "One user could get another's response, or the gateway gets no cookies, or CloudFront's header Host."
  }
}

run "the_files_are_served_over_http3_and_compressed" {
  assert {
    condition = (
      aws_cloudfront_distribution.this.http_version == "http2and3" &&
      aws_cloudfront_distribution.this.default_cache_behavior[0].compress &&
      aws_cloudfront_distribution.this.default_cache_behavior[0].cache_policy_id == "658327ea-f89d-4fab-a63d-7e88639e58f6"
    )
    error_message = "The files are not served over HTTP/3, or not compressed, or not cached."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https" &&
      aws_cloudfront_distribution.this.viewer_certificate[0].cloudfront_default_certificate &&
      output.url == "https://d1.cloudfront.net"
    )
    error_message = "The app is served without TLS."
  }
}

run "cloudfront_signs_its_requests_to_the_bucket" {
  assert {
    condition = one([
      for origin in aws_cloudfront_distribution.this.origin : [origin.domain_name, origin.origin_access_control_id] if origin.origin_id == "files"
    ]) == ["yourplace-test-web.s3.eu-central-1.amazonaws.com", "E1OAC"]
    error_message = "The files come from another bucket, or CloudFront asks for them without its access control."
  }

  assert {
    condition     = aws_cloudfront_origin_access_control.this.signing_behavior == "always" && aws_cloudfront_origin_access_control.this.origin_access_control_origin_type == "s3"
    error_message = "CloudFront does not sign its requests to the bucket."
  }
}

run "files_have_the_headers_and_pages_are_index_html" {
  assert {
    condition = { for function in aws_cloudfront_distribution.this.default_cache_behavior[0].function_association : function.event_type => function.function_arn } == {
      viewer-request  = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-page"
      viewer-response = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-headers"
    }
    error_message = "Pages are not index.html, or are served without the headers."
  }

  assert {
    condition     = alltrue([for function in aws_cloudfront_function.this : function.publish && function.runtime == "cloudfront-js-2.0" && length(function.code) <= 10240])
    error_message = "A function is not published, or longer than the 10 KB that CloudFront accepts."
  }
}

run "pages_may_use_only_their_own_origin_and_the_photos" {
  assert {
    condition = (
      startswith(local.headers["content-security-policy"], "default-src 'none'; ") &&
      strcontains(local.headers["content-security-policy"], "img-src 'self' data: https://photos.s3.eu-central-1.amazonaws.com;") &&
      strcontains(local.headers["content-security-policy"], "connect-src 'self' https://photos.s3.eu-central-1.amazonaws.com;") &&
      strcontains(local.headers["content-security-policy"], "require-trusted-types-for 'script'; trusted-types 'none'") &&
      !strcontains(local.headers["content-security-policy"], "unsafe")
    )
    error_message = "The content security policy allows more than the app needs, or less."
  }

  assert {
    condition     = jsondecode(regex("const HEADERS = ({.*})\n", aws_cloudfront_function.this["headers"].code)[0]) == local.headers && length(local.headers) == length(jsondecode(file("headers.json")))
    error_message = "The function does not add every header of headers.json."
  }
}

run "a_domain_of_ones_own_has_its_certificate" {
  variables {
    domain = {
      name            = "photos.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0e"
    }
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.aliases == toset(["photos.example.com"]) &&
      aws_cloudfront_distribution.this.viewer_certificate[0].acm_certificate_arn == var.domain.certificate_arn &&
      aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" &&
      output.url == "https://photos.example.com" &&
      output.target == "d1.cloudfront.net"
    )
    error_message = "The domain is not served with its certificate."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan

  variables {
    domain = {
      name            = "photos.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/0f0e"
    }
  }

  expect_failures = [var.domain]
}

run "a_domain_with_a_path_is_refused" {
  command = plan

  variables {
    domain = {
      name            = "photos.example.com/v1"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0e"
    }
  }

  expect_failures = [var.domain]
}

run "there_is_no_firewall_by_default" {
  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0 && aws_cloudfront_distribution.this.web_acl_id == null
    error_message = "There is a firewall, which costs about 7 dollars a month, although none was asked for."
  }
}

run "one_address_cannot_use_up_the_limits_of_all" {
  variables {
    firewall = {}
  }

  assert {
    condition = {
      for rule in aws_wafv2_web_acl.this[0].rule : rule.name => [
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
    condition     = aws_cloudfront_distribution.this.web_acl_id == aws_wafv2_web_acl.this[0].arn && aws_wafv2_web_acl.this[0].region == "us-east-1"
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
      }) : route if startswith(route, "POST ")] : can(regex(local.requests_that_check_credentials, "/api${trimprefix(route, "POST ")}"))
    ])
    error_message = "A public route that accepts passwords or sends codes has only the limit of all requests."
  }

  assert {
    condition     = !anytrue([for path in ["/api/photos", "/api/loginx", "/login"] : can(regex(local.requests_that_check_credentials, path))])
    error_message = "Other requests count as log-ins."
  }
}

run "a_limit_that_waf_cannot_count_is_refused" {
  command = plan

  variables {
    firewall = { requests = 9 }
  }

  expect_failures = [var.firewall]
}
