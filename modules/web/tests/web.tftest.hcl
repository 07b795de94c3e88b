mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
}

override_resource {
  target = aws_cloudfront_function.page
  values = { arn = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-page" }
}

override_resource {
  target = aws_cloudfront_function.api
  values = { arn = "arn:aws:cloudfront::123456789012:function/yourplace-test-web-api" }
}

override_resource {
  target = aws_cloudfront_distribution.this
  values = { arn = "arn:aws:cloudfront::123456789012:distribution/E1", domain_name = "d1.cloudfront.net" }
}

override_resource {
  target = module.bucket.aws_s3_bucket.this
  values = { id = "yourplace-test-web", arn = "arn:aws:s3:::yourplace-test-web" }
}

variables {
  name                = "yourplace-test"
  bucket_name         = "yourplace-test-web"
  files               = "tests/app"
  api_url             = "https://a1b2c3.execute-api.eu-central-1.amazonaws.com/test"
  photo_bucket_origin = "https://photos.s3.eu-central-1.amazonaws.com"
}

run "the_files_of_a_build_are_uploaded" {
  assert {
    condition     = toset(keys(aws_s3_object.file)) == toset(["assets/index-Bk3x.js", "icon.svg", "index.html"])
    error_message = "Other files are uploaded than those that browsers need."
  }

  assert {
    condition = (
      aws_s3_object.file["assets/index-Bk3x.js"].cache_control == "public, max-age=31536000, immutable" &&
      aws_s3_object.file["index.html"].cache_control == "no-cache" &&
      aws_s3_object.file["icon.svg"].cache_control == "no-cache"
    )
    error_message = "A file without a hash in its name is kept by browsers, or one with a hash is not."
  }

  assert {
    condition = { for name, file in aws_s3_object.file : name => file.content_type } == {
      "assets/index-Bk3x.js" = "text/javascript; charset=utf-8"
      "icon.svg"             = "image/svg+xml"
      "index.html"           = "text/html; charset=utf-8"
    }
    error_message = "A file has a wrong media type, which browsers refuse with `nosniff`."
  }
}

run "requests_for_the_api_reach_the_stage_uncached" {
  assert {
    condition = one([
      for origin in aws_cloudfront_distribution.this.origin : [origin.domain_name, origin.origin_path] if origin.origin_id == "api"
    ]) == ["a1b2c3.execute-api.eu-central-1.amazonaws.com", "/test"]
    error_message = "The API's origin is not its stage."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].path_pattern == "/api/*" &&
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].target_origin_id == "api" &&
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].viewer_protocol_policy == "https-only" &&
      contains(aws_cloudfront_distribution.this.ordered_cache_behavior[0].allowed_methods, "PATCH")
    )
    error_message = "Requests under /api do not reach the API."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].cache_policy_id == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad" &&
      aws_cloudfront_distribution.this.ordered_cache_behavior[0].origin_request_policy_id == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    )
    error_message = "Responses of the API are cached, or the gateway gets the header Host of CloudFront."
  }
}

run "the_files_are_served_over_http3_and_compressed" {
  assert {
    condition     = aws_cloudfront_distribution.this.http_version == "http2and3" && aws_cloudfront_distribution.this.default_cache_behavior[0].compress
    error_message = "The files are not served over HTTP/3, or not compressed."
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "redirect-to-https" &&
      aws_cloudfront_distribution.this.viewer_certificate[0].cloudfront_default_certificate
    )
    error_message = "The app is served without TLS."
  }
}

run "pages_may_use_only_their_own_origin_and_the_photos" {
  assert {
    condition = (
      startswith(local.headers["Content-Security-Policy"], "default-src 'none'; ") &&
      strcontains(local.headers["Content-Security-Policy"], "img-src 'self' data: https://photos.s3.eu-central-1.amazonaws.com;") &&
      strcontains(local.headers["Content-Security-Policy"], "connect-src 'self' https://photos.s3.eu-central-1.amazonaws.com;") &&
      strcontains(local.headers["Content-Security-Policy"], "require-trusted-types-for 'script'; trusted-types 'none'") &&
      !strcontains(local.headers["Content-Security-Policy"], "unsafe")
    )
    error_message = "The content security policy allows more than the app needs, or less."
  }

  assert {
    condition     = aws_cloudfront_response_headers_policy.this.security_headers_config[0].content_security_policy[0].content_security_policy == local.headers["Content-Security-Policy"]
    error_message = "The content security policy is not sent."
  }

  assert {
    condition = toset(concat(local.known, [
      for item in aws_cloudfront_response_headers_policy.this.custom_headers_config[0].items : item.header
    ])) == toset(keys(local.headers))
    error_message = "A header of headers.json is not sent."
  }
}

run "only_the_distribution_reads_the_bucket" {
  assert {
    condition     = aws_cloudfront_origin_access_control.this.signing_behavior == "always"
    error_message = "CloudFront does not sign its requests to the bucket."
  }

  assert {
    condition     = module.bucket.readers == { cloudfront = "arn:aws:cloudfront::123456789012:distribution/E1" }
    error_message = "Another reader than the distribution, or none, may read the bucket."
  }
}

run "every_page_is_index_html" {
  assert {
    condition     = strcontains(aws_cloudfront_function.page.code, "const FILES = [\"/icon.svg\",\"/index.html\"]")
    error_message = "The function that serves pages does not know the files beside them."
  }
}

run "a_domain_of_ones_own_has_its_certificate" {
  variables {
    domain = {
      name            = "photos.example.com"
      certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
    }
  }

  assert {
    condition = (
      aws_cloudfront_distribution.this.aliases == toset(["photos.example.com"]) &&
      aws_cloudfront_distribution.this.viewer_certificate[0].acm_certificate_arn == var.domain.certificate_arn &&
      aws_cloudfront_distribution.this.viewer_certificate[0].minimum_protocol_version == "TLSv1.2_2021" &&
      output.origin == "https://photos.example.com"
    )
    error_message = "The domain is not served with its certificate."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan

  variables {
    domain = {
      name            = "photos.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    }
  }

  expect_failures = [var.domain]
}
