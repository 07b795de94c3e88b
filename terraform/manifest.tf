# The manifest, lambdas/service.json. scripts/package checks it and puts it beside the zips that it built, so what is
# deployed here is one checked manifest with the programs that belong to it.

locals {
  package  = "${var.dist_dir}/${var.architecture}"
  manifest = jsondecode(file("${local.package}/service.json"))

  authorizer = one([for name, function in local.manifest.functions : name if can(function.trigger.authorizer)])

  # The authorizer is created only where it is used.
  functions = { for name, function in local.manifest.functions : name => function if name != local.authorizer || var.authorizer == "lambda" }

  reserved_calls = sum([for function in local.functions : try(function.reserved_concurrency, 0)])

  # Not merged: a route of two functions must be an error.
  routes = { for route in flatten([for name, function in local.functions : [
    for key in try(function.trigger.http, []) : {
      key      = key
      function = name
      public   = function.auth == "public"
      # A local cloud is tested with as many requests as it can serve.
      throttling = var.local_endpoint == null ? try(function.throttling, null) : null
    }
  ]]) : route.key => route }

  schedules = { for name, function in local.functions : name => function.trigger.schedule if can(function.trigger.schedule) }

  # AWS's rule: a message stays hidden for six times the timeout of the function that works on it, plus the batch window.
  queues = { for name, queue in local.manifest.queues : name => {
    max_receives       = queue.max_receives
    visibility_timeout = max(30, [for consumer in local.functions : 6 * consumer.timeout + consumer.trigger.batch_window if try(consumer.trigger.queue == name, false)]...)
    prefixes           = [for prefix, entry in local.manifest.prefixes : prefix if contains(try(entry.consumers, []), name)]
  } }

  # The prefixes whose events a queue receives.
  event_prefixes = toset(flatten(values(local.queues)[*].prefixes))

  # Placeholders are replaced function by function: one value that is not known yet must not hide the others' plans.
  # They stand inside JSON strings, so the values are escaped as such.
  placeholders           = { for name, value in local.placeholder_values : name => trimsuffix(trimprefix(jsonencode(value), "\""), "\"") }
  function_texts         = { for name, function in local.functions : name => jsonencode(function) }
  token_environment_text = jsonencode(local.manifest.token_environment)
  token_environment      = jsondecode(templatestring(local.token_environment_text, local.placeholders))
  filled                 = { for name in keys(local.functions) : name => jsondecode(templatestring(local.function_texts[name], local.placeholders)) }

  environments = { for name, function in local.filled : name => merge(
    { for key, value in local.token_environment : key => value if try(function.auth == "token", false) },
    function.environment,
    { for key, value in { AWS_ENDPOINT_URL = var.local_endpoint } : key => value if value != null },
  ) }

  permissions = { for name, function in local.filled : name => [
    for permission in function.permissions : {
      actions = concat(
        permission.actions,
        # In AWS sqs:SendMessage allows batches too; a local cloud checks the batch's own name.
        var.local_endpoint != null && contains(permission.actions, "sqs:SendMessage") ? ["sqs:SendMessageBatch"] : [],
      )
      # A local cloud does not know which identity sends a mail. It does check that the identity is verified.
      resources = var.local_endpoint != null && contains(permission.actions, "ses:SendEmail") ? ["*"] : permission.resources
      # A local cloud does not know these keys, and would refuse every put.
      condition = (
        var.local_endpoint != null && can(regex("s3:(if-none-match|ObjectCreationOperation)", jsonencode(permission.condition)))
        ? null
        : try(permission.condition, null)
      )
    }
  ] }
}
