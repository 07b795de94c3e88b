data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

locals {
  prefix    = "yourplace-${var.stage}"
  protected = coalesce(var.deletion_protection, contains(["prod", "production", "live"], var.stage))
  tls_only  = var.local_endpoint == null

  # A local cloud serves every API from one host.
  gateway_url = (
    var.local_endpoint == null
    ? module.api.url
    : "${replace(coalesce(var.local_endpoint, "-"), "//localhost:", "//127.0.0.1:")}/_aws/execute-api/${module.api.id}/${var.stage}"
  )

  # What clients call: the API has the same origin as the app, where CloudFront serves both.
  api_url = var.local_endpoint == null ? "${module.web[0].url}/api" : local.gateway_url

  # The issuers whose tokens the functions accept: the user pool and var.trusted_issuers.
  trusted_issuers = concat(
    [merge(
      {
        issuer    = module.users.issuer
        audiences = [module.users.client_id]
        kind      = "cognito"
      },
      # In a local cloud, tokens name AWS as their issuer, but the keys are served locally.
      { for name, endpoint in { jwks_url = var.local_endpoint } : name => "${endpoint}/${module.users.id}/.well-known/jwks.json" if endpoint != null },
    )],
    [for issuer in var.trusted_issuers : merge(
      {
        issuer    = issuer.issuer
        audiences = issuer.audiences
        alias     = issuer.alias
        kind      = "oidc"
      },
      { for name, url in { jwks_url = issuer.jwks_url } : name => url if url != null },
    )],
  )

  # The values of the manifest's placeholders, ${bucket} and so on.
  placeholder_values = merge(
    {
      region              = var.region
      stage               = var.stage
      bucket              = local.bucket
      bucket_arn          = local.bucket_arn
      user_pool_id        = module.users.id
      user_pool_arn       = module.users.arn
      user_pool_client_id = module.users.client_id
      trusted_issuers     = jsonencode(local.trusted_issuers)
      api_url             = local.api_url
      currency            = var.currency
      quota_bytes         = format("%.0f", var.quota_bytes)
      quota_photos        = format("%.0f", var.quota_photos)
      max_archive_bytes   = format("%.0f", var.max_archive_bytes)
      max_photo_bytes     = format("%.0f", var.max_photo_bytes)
      mfa                 = var.mfa
      trash_days          = tostring(var.trash_days)
    },
    merge([for name, table in module.table : {
      "${name}_table"     = table.name
      "${name}_table_arn" = table.arn
    }]...),
    merge([for name, queue in module.queue : {
      "${name}_queue_url"      = queue.url
      "${name}_queue_arn"      = queue.arn
      "${name}_dead_queue_url" = queue.dead_letter_url
      "${name}_dead_queue_arn" = queue.dead_letter_arn
    }]...),
    {
      mail_sender       = one(module.mail[*].sender)
      mail_identity_arn = one(module.mail[*].identity_arn)
    },
  )
}

module "users" {
  source = "../modules/users"

  name                = local.prefix
  deletion_protection = local.protected
  mfa                 = var.mfa
  mail                = var.codes_by_ses ? one(module.mail[*]) : null
}

module "events" {
  source   = "../modules/events"
  for_each = local.event_prefixes

  name       = "${local.prefix}-${trimsuffix(each.key, "/")}-events"
  bucket_arn = local.bucket_arn
}

module "table" {
  source   = "../modules/table"
  for_each = local.manifest.tables

  name                = "${local.prefix}-${each.key}"
  attributes          = each.value.attributes
  hash_key            = each.value.hash_key
  range_key           = try(each.value.range_key, null)
  indexes             = try(each.value.indexes, {})
  ttl                 = try(each.value.ttl, null)
  deletion_protection = local.protected
}

module "queue" {
  source   = "../modules/queue"
  for_each = local.queues

  name               = "${local.prefix}-${each.key}"
  visibility_timeout = each.value.visibility_timeout
  max_receives       = each.value.max_receives
  topics             = { for prefix in each.value.prefixes : prefix => module.events[prefix].topic_arn }
  tls_only           = local.tls_only
}

module "mail" {
  source = "../modules/mail"
  count  = var.mail_sender == null ? 0 : 1

  sender = var.mail_sender
}

# The extension that keeps the issuers' keys fresh, for the functions that check tokens.
resource "aws_lambda_layer_version" "jwt" {
  count = var.layer ? 1 : 0

  layer_name               = "${local.prefix}-layer-jwt"
  description              = "Keeps the keys of the trusted issuers"
  filename                 = local.layer_zip
  source_code_hash         = fileexists(local.layer_zip) ? filebase64sha256(local.layer_zip) : null
  compatible_architectures = [var.architecture]
  compatible_runtimes      = ["provided.al2023"]

  lifecycle {
    # Functions use the old version until they are updated.
    create_before_destroy = true

    precondition {
      condition     = fileexists(local.layer_zip)
      error_message = "The zip of the layer is missing: ${local.layer_zip}. Build it with scripts/package, or set layer = false."
    }
  }
}

locals {
  layer_zip = "${local.package}/layer-jwt.zip"
}

module "function" {
  source   = "../modules/function"
  for_each = local.functions

  prefix       = local.prefix
  name         = each.key
  description  = each.value.description
  zip          = "${local.package}/${each.key}.zip"
  architecture = var.architecture
  memory       = each.value.memory
  # On a busy machine, a local cloud takes seconds for what AWS does in milliseconds. 45 stays below the shortest lease,
  # 60 seconds.
  timeout = var.local_endpoint == null ? each.value.timeout : max(45, each.value.timeout)
  # Lambda refuses a reservation that leaves less than 100 calls for all other functions.
  reserved_concurrency = var.account_concurrency == null ? null : try(each.value.reserved_concurrency, null)
  environment          = local.environments[each.key]
  permissions          = local.permissions[each.key]
  every_resource       = var.local_endpoint != null
  layers               = each.key == local.authorizer || try(each.value.auth == "token", false) ? aws_lambda_layer_version.jwt[*].arn : []

  queue = !can(each.value.trigger.queue) ? null : {
    arn          = module.queue[each.value.trigger.queue].arn
    batch_size   = each.value.trigger.batch_size
    batch_window = each.value.trigger.batch_window
    concurrency  = each.value.trigger.concurrency
  }

  log_retention_days   = var.log_retention_days
  permissions_boundary = var.permissions_boundary_arn
}

module "api" {
  source = "../modules/api"

  name      = local.prefix
  stage     = var.stage
  functions = module.function
  routes    = local.routes

  authorizer          = var.authorizer
  jwt                 = { issuer = module.users.issuer, audiences = [module.users.client_id] }
  authorizer_function = one([for name, function in module.function : function if name == local.authorizer])

  cors_origins       = var.cors_origins
  throttling         = var.throttling
  log_retention_days = var.log_retention_days
}

module "schedule" {
  source   = "../modules/schedule"
  for_each = local.schedules

  name                 = module.function[each.key].name
  expression           = each.value
  function_name        = module.function[each.key].name
  alias_arn            = module.function[each.key].alias_arn
  permissions_boundary = var.permissions_boundary_arn
}

module "alarms" {
  source = "../modules/alarms"

  prefix    = local.prefix
  email     = var.alarm_email
  api       = { id = module.api.id, stage = var.stage }
  functions = module.function
  queues    = module.queue
  bucket    = { name = local.bucket, bytes = var.bucket_bytes_alarm }
  mail      = var.mail_sender != null

  monthly_budget = var.monthly_budget

  # The alarm is about 15 minutes without a run, so it suits only schedules that run every few minutes.
  schedules = {
    for name, expression in local.schedules : name => module.function[name].name
    if can(regex("^rate\\(([1-5] minutes?)\\)$", expression))
  }
}

# A local cloud has no CodeDeploy: there, an alias keeps the version that it was created with.
module "release" {
  source = "../modules/release"
  count  = var.local_endpoint == null ? 1 : 0

  name                 = local.prefix
  traffic              = var.release_traffic
  permissions_boundary = var.permissions_boundary_arn

  # A route's function can also return a 5xx that is no error to Lambda.
  functions = { for name, function in module.function : name => {
    name = function.name
    alarms = concat(
      [for kind in ["errors", "duration"] : module.alarms.names_by_key["${name}-${kind}"]],
      can(local.functions[name].trigger.http) ? [module.alarms.release_5xx] : [],
    )
  } }
}

# scripts/local serves the app itself, so a local cloud has no distribution.
module "web" {
  source = "../modules/web"
  count  = var.local_endpoint == null ? 1 : 0

  name                = local.prefix
  bucket_name         = local.web_bucket
  api                 = { host = regex("^https://([^/]+)", module.api.url)[0], stage = var.stage }
  photo_bucket_origin = "https://${local.bucket}.s3.${var.region}.amazonaws.com"
  domain              = var.domain
  firewall            = var.firewall
}

# Before the app had a distribution, only the API could have one.
moved {
  from = module.edge[0].aws_cloudfront_distribution.this
  to   = module.web[0].aws_cloudfront_distribution.this
}

moved {
  from = module.edge[0].aws_wafv2_web_acl.this
  to   = module.web[0].aws_wafv2_web_acl.this[0]
}
