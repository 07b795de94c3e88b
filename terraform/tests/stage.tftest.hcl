# A stage whatever the service: what its variables create, name, protect and open.

mock_provider "aws" {
  source = "./tests/mocks"
}

run "fixtures" {
  module {
    source = "./tests/fixtures"
  }
}

run "a_test_stage_is_watched_and_connected_but_not_protected" {
  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    mail_sender = "auctions@example.com"
  }

  assert {
    condition     = module.api.routes["PATCH /auctions/{id}/bid"].authorization == "JWT" && !contains(keys(module.function), "authorize")
    error_message = "The authorizer function is created although nothing calls it."
  }

  assert {
    condition     = alltrue([for function in module.function : !can(function.environment["AWS_ENDPOINT_URL"])])
    error_message = "A function in AWS would call a local cloud."
  }

  assert {
    condition = alltrue([
      for name, function in module.function :
      can(function.environment["TRUSTED_ISSUERS"]) == (try(local.manifest.functions[name].auth, "") == "token")
    ])
    error_message = "A function that checks tokens lacks TRUSTED_ISSUERS, or another function has it."
  }

  assert {
    condition = toset(module.alarms.names) == toset(concat(
      [for name in ["api-4xx", "api-5xx", "bucket-bytes", "mail-bounces", "mail-complaints", "process_auctions-stopped", "release-5xx"] : "yourplace-test-${name}"],
      flatten([for name in keys(module.function) : [for kind in ["errors", "throttles", "duration"] : "yourplace-test-${name}-${kind}"]]),
      flatten([for name in keys(module.queue) : ["yourplace-test-${name}-dead-letters", "yourplace-test-${name}-age"]]),
    ))
    error_message = "A function, a queue, the schedule, the bucket or the sender has no alarm."
  }

  assert {
    condition = jsonencode(module.release[0].alarms) == jsonencode({ for name, function in module.function : name => sort(concat(
      ["yourplace-test-${name}-errors", "yourplace-test-${name}-duration"],
      name == "bid" ? ["yourplace-test-release-5xx"] : [],
    )) })
    error_message = "A release of a function does not end with the function's alarms, or one of a route with too many server errors of the API."
  }

  assert {
    condition     = jsonencode({ for name, queue in module.queue : name => queue.visibility_timeout }) == jsonencode({ index = 6 * 60 + 1, jobs = 30, mail = 6 * 30, renditions = 6 * 90 })
    error_message = "A message could become visible while a function still works on it."
  }

  assert {
    condition = jsonencode({ for name, queue in module.queue : name => queue.topics }) == jsonencode({
      index      = { "photos/" = module.events["photos/"].topic_arn }
      jobs       = { "incoming/" = module.events["incoming/"].topic_arn }
      mail       = {}
      renditions = { "photos/" = module.events["photos/"].topic_arn }
    })
    error_message = "A queue does not receive the events of its prefix."
  }

  assert {
    condition = (
      jsonencode({ for topic in aws_s3_bucket_notification.photos[0].topic : topic.filter_prefix => topic.topic_arn }) ==
      jsonencode({ for prefix, events in module.events : prefix => events.topic_arn }) &&
      alltrue([for topic in aws_s3_bucket_notification.photos[0].topic : toset(topic.events) == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])])
    )
    error_message = "The bucket does not publish the events of a prefix with consumers, or publishes others."
  }

  assert {
    condition     = toset(keys(module.schedule)) == toset(["process_auctions", "sweep"])
    error_message = "A schedule is missing."
  }

  assert {
    condition     = !module.users.deletion_protection && alltrue([for table in module.table : !table.deletion_protection])
    error_message = "A test stage could not be deleted."
  }
}

run "the_lambda_authorizer_can_guard_the_routes" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    authorizer  = "lambda"
    mail_sender = "auctions@example.com"
  }

  assert {
    condition     = module.api.routes["PATCH /auctions/{id}/bid"].authorization == "CUSTOM" && contains(keys(module.function), "authorize")
    error_message = "The route does not use the Lambda authorizer."
  }
}

run "functions_that_check_tokens_have_the_layer" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    authorizer  = "lambda"
    layer       = true
    mail_sender = "auctions@example.com"
  }

  assert {
    condition     = toset([for name, function in module.function : name if length(function.layers) == 1]) == toset(["authorize", "bid"])
    error_message = "A function that checks tokens lacks the layer, or another function has it."
  }
}

run "the_app_and_the_api_have_one_origin" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    mail_sender = "auctions@example.com"
    bucket_name = "photos"
  }

  assert {
    condition = (
      output.web_url == "https://mock.cloudfront.net" && output.api_url == "https://mock.cloudfront.net/api" &&
      module.function["bid"].environment["API_URL"] == output.api_url
    )
    error_message = "The API has another origin than the app, or functions give out other URLs."
  }

  assert {
    condition     = output.web_bucket == "yourplace-test-web-123456789012" && module.web_bucket[0].name == output.web_bucket
    error_message = "The files of the app are uploaded to another bucket than CloudFront reads."
  }
}

run "a_domain_of_ones_own_is_that_of_the_app_and_the_api" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    mail_sender = "auctions@example.com"
    domain      = { name = "photos.example.com", certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/0f0e" }
    firewall    = {}
  }

  assert {
    condition = (
      output.web_url == "https://photos.example.com" && output.api_url == "https://photos.example.com/api" &&
      output.web_target == "mock.cloudfront.net" &&
      output.gateway_url == "https://mockapi.execute-api.eu-central-1.amazonaws.com/test" &&
      one(aws_s3_bucket_cors_configuration.photos[0].cors_rule).allowed_origins == toset(["https://photos.example.com"])
    )
    error_message = "Clients would not call the domain, or the app could not upload from it."
  }
}

run "names_carry_the_stage" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    stage       = "blue"
    mail_sender = "auctions@example.com"
  }

  assert {
    condition = alltrue([
      for name, function in module.function :
      function.name == "yourplace-blue-${name}" && function.log_group == "/aws/lambda/yourplace-blue-${name}"
    ])
    error_message = "A function or its log is not named by the stage."
  }

  assert {
    condition     = output.tables == { for name in ["auctions", "library", "mails"] : name => "yourplace-blue-${name}" }
    error_message = "A table is not named by the stage."
  }

  assert {
    condition = jsonencode({ for name, queue in module.queue : name => [queue.name, queue.dead_letter_name] }) == jsonencode({
      for name in ["index", "jobs", "mail", "renditions"] : name => ["yourplace-blue-${name}", "yourplace-blue-${name}-dead"]
    })
    error_message = "A queue is not named by the stage."
  }

  assert {
    condition = (
      module.schedule["process_auctions"].name == "yourplace-blue-process_auctions" &&
      module.api.log_group == "/aws/apigateway/yourplace-blue" &&
      module.users.name == "yourplace-blue" &&
      output.dashboard == "yourplace-blue" &&
      alltrue([for name in module.alarms.names : startswith(name, "yourplace-blue-")])
    )
    error_message = "A schedule, a log, the pool, the dashboard or an alarm is not named by the stage."
  }

  assert {
    condition     = endswith(output.gateway_url, "/blue")
    error_message = "The stage is not part of the API's paths."
  }
}

run "production_is_protected" {
  command = plan

  variables {
    dist_dir    = run.fixtures.dist_dirs["everything"]
    mail_sender = "auctions@example.com"
    stage       = "prod"
    alarm_email = "on-call@example.com"
  }

  assert {
    condition     = module.users.deletion_protection && alltrue([for table in module.table : table.deletion_protection])
    error_message = "The user pool or a table of production could be deleted."
  }
}

run "nothing_else_is_created_or_may_use_the_bucket" {
  command = plan

  variables {
    dist_dir = run.fixtures.dist_dirs["one"]
  }

  assert {
    condition     = length(module.table) + length(module.queue) + length(module.events) + length(module.mail) + length(module.schedule) == 0
    error_message = "There are tables, queues, events, mail or schedules that are not in the manifest."
  }

  assert {
    condition     = one(aws_s3_bucket_cors_configuration.photos[0].cors_rule).allowed_origins == toset(["https://mock.cloudfront.net"])
    error_message = "Another origin than the app's may use the bucket."
  }
}

run "placeholders_are_escaped_as_json" {
  command = plan

  variables {
    dist_dir        = run.fixtures.dist_dirs["one"]
    trusted_issuers = [{ issuer = "https://tenant.example.com/", audiences = ["a \"quoted\" one"], alias = "tenant" }]
  }

  assert {
    condition = jsonencode(jsondecode(module.function["one"].environment["ISSUERS"])) == jsonencode([
      {
        issuer    = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Mock"
        audiences = [module.users.client_id]
        kind      = "cognito"
      },
      {
        issuer    = "https://tenant.example.com/"
        audiences = ["a \"quoted\" one"]
        alias     = "tenant"
        kind      = "oidc"
      },
    ])
    error_message = "The function gets other issuers than were given."
  }
}

run "the_app_and_named_origins_may_read_and_upload_parts" {
  command = plan

  variables {
    dist_dir     = run.fixtures.dist_dirs["one"]
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition = (
      one(aws_s3_bucket_cors_configuration.photos[0].cors_rule).allowed_origins == toset(["https://mock.cloudfront.net", "https://app.example.com"]) &&
      one(aws_s3_bucket_cors_configuration.photos[0].cors_rule).allowed_methods == toset(["GET", "HEAD", "PUT"])
    )
    error_message = "The app or a named origin may not read or upload parts, or may do more, or another origin may."
  }
}

run "a_local_cloud_has_neither_a_distribution_nor_its_bucket" {
  command = plan

  variables {
    dist_dir       = run.fixtures.dist_dirs["one"]
    local_endpoint = "http://localhost:4566"
  }

  assert {
    condition = (
      length(module.web) == 0 && length(module.web_bucket) == 0 && length(aws_s3_bucket_cors_configuration.photos) == 0 &&
      output.api_url == output.gateway_url && [output.web_url, output.web_target, output.web_bucket] == ["", "", ""]
    )
    error_message = "There is a distribution that a local cloud cannot serve, or browsers may use the bucket although no origin is named."
  }
}

run "any_stage_can_be_protected" {
  command = plan

  variables {
    dist_dir            = run.fixtures.dist_dirs["one"]
    deletion_protection = true
    alarm_email         = "on-call@example.com"
  }

  assert {
    condition     = module.users.deletion_protection
    error_message = "The user pool could be deleted."
  }
}

run "a_bootstrapped_stage_uses_its_bucket_and_api" {
  command = plan

  variables {
    dist_dir                 = run.fixtures.dist_dirs["everything"]
    mail_sender              = "auctions@example.com"
    bucket_name              = "photos"
    api_id                   = "mockapi"
    permissions_boundary_arn = "arn:aws:iam::123456789012:policy/boundary"
  }

  assert {
    condition     = length(module.bucket) + length(module.web_bucket) == 0 && aws_s3_bucket_notification.photos[0].bucket == "photos" && output.bucket == "photos"
    error_message = "The deployment makes a bucket of its own, or does not use the bootstrap's."
  }
}
