locals {
  # The media types of what a build makes.
  types = {
    css  = "text/css; charset=utf-8"
    html = "text/html; charset=utf-8"
    js   = "text/javascript; charset=utf-8"
    svg  = "image/svg+xml"
  }
  # Vite's manifest is for the tests.
  files = setsubtract(fileset(var.files, "**"), ["manifest.json"])

  headers = { for name, value in jsondecode(file("${path.module}/headers.json")) : name => replace(value, "$${bucket_origin}", var.photo_bucket_origin) }
  # CloudFront has fields of their own for these, and does not take them as custom headers.
  known = ["Content-Security-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options"]
  hsts  = regex("^max-age=(?P<seconds>[0-9]+); includeSubDomains$", local.headers["Strict-Transport-Security"])

  # CloudFront's managed policies have the same ids in all accounts (Amazon CloudFront Developer Guide, "Use managed
  # cache policies" and "Use managed origin request policies").
  policies = {
    CachingOptimized = "658327ea-f89d-4fab-a63d-7e88639e58f6"
    CachingDisabled  = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    # Without the header Host, since the gateway refuses requests for another host than its own.
    AllViewerExceptHostHeader = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
  }

  api = regex("^https://(?P<host>[^/]+)(?P<stage>/.+)$", var.api_url)
}

module "bucket" {
  source = "../bucket"

  name          = var.bucket_name
  force_destroy = var.force_destroy
  readers       = { cloudfront = aws_cloudfront_distribution.this.arn }
}

resource "aws_s3_object" "file" {
  for_each = local.files

  bucket       = module.bucket.name
  key          = each.value
  source       = "${var.files}/${each.value}"
  source_hash  = filemd5("${var.files}/${each.value}")
  content_type = local.types[reverse(split(".", each.value))[0]]
  # The names of assets contain a hash of their contents.
  cache_control = startswith(each.value, "assets/") ? "public, max-age=31536000, immutable" : "no-cache"
}

resource "aws_cloudfront_origin_access_control" "this" {
  name                              = "${var.name}-web"
  description                       = "Reads the files of the web app ${var.name}"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# Every path but those of files is a page of the app, which its index.html shows.
resource "aws_cloudfront_function" "page" {
  name    = "${var.name}-web-page"
  comment = "Serves index.html for every page of the app"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = <<-JS
    const FILES = ${jsonencode(sort([for file in local.files : "/${file}" if !startswith(file, "assets/")]))}
    function handler(event) {
      const request = event.request
      if (!request.uri.startsWith('/assets/') && !FILES.includes(request.uri)) request.uri = '/index.html'
      return request
    }
  JS
}

resource "aws_cloudfront_function" "api" {
  name    = "${var.name}-web-api"
  comment = "Removes /api from the paths of requests to the API"
  runtime = "cloudfront-js-2.0"
  publish = true
  code    = <<-JS
    function handler(event) {
      const request = event.request
      request.uri = request.uri.slice('/api'.length)
      return request
    }
  JS
}

resource "aws_cloudfront_response_headers_policy" "this" {
  #checkov:skip=CKV_AWS_259:It is two years with all subdomains, from headers.json; browsers' built-in lists are the domain owner's decision
  name    = "${var.name}-web"
  comment = "The headers in modules/web/headers.json"

  security_headers_config {
    content_security_policy {
      content_security_policy = local.headers["Content-Security-Policy"]
      override                = true
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = local.headers["X-Frame-Options"]
      override     = true
    }
    referrer_policy {
      referrer_policy = local.headers["Referrer-Policy"]
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = tonumber(local.hsts.seconds)
      include_subdomains         = true
      override                   = true
    }
  }

  custom_headers_config {
    dynamic "items" {
      for_each = { for name, value in local.headers : name => value if !contains(local.known, name) }

      content {
        header   = items.key
        value    = items.value
        override = true
      }
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV_AWS_68:The API throttles requests; a firewall costs more than the rest of the service and is the operator's choice
  #checkov:skip=CKV2_AWS_47:The same
  #checkov:skip=CKV_AWS_86:The gateway logs requests to the API; logs of static files would only record who looked at what
  #checkov:skip=CKV_AWS_310:The files are in one bucket, and the API is in one region
  #checkov:skip=CKV_AWS_374:The service is for users everywhere
  #checkov:skip=CKV_AWS_174:CloudFront's own domain always has TLSv1; a domain of one's own has TLSv1.2_2021
  #checkov:skip=CKV2_AWS_42:A domain of one's own is optional
  enabled             = true
  comment             = "The web app ${var.name}"
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  default_root_object = "index.html"
  aliases             = var.domain[*].name
  price_class         = "PriceClass_100"

  origin {
    origin_id                = "files"
    domain_name              = "${var.bucket_name}.s3.${data.aws_region.current.region}.amazonaws.com"
    origin_access_control_id = aws_cloudfront_origin_access_control.this.id
  }

  origin {
    origin_id   = "api"
    domain_name = local.api.host
    origin_path = local.api.stage

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id           = "files"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = local.policies.CachingOptimized
    response_headers_policy_id = aws_cloudfront_response_headers_policy.this.id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.page.arn
    }
  }

  ordered_cache_behavior {
    #checkov:skip=CKV2_AWS_32:The functions set the headers of their responses
    path_pattern             = "/api/*"
    target_origin_id         = "api"
    viewer_protocol_policy   = "https-only"
    allowed_methods          = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods           = ["GET", "HEAD"]
    compress                 = true
    cache_policy_id          = local.policies.CachingDisabled
    origin_request_policy_id = local.policies.AllViewerExceptHostHeader

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.api.arn
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

data "aws_region" "current" {}
