locals {
  prefix    = "yourplace-${var.stage}"
  protected = coalesce(var.deletion_protection, contains(["prod", "production", "live"], var.stage))
  tls_only  = var.local_endpoint == null

  # A local cloud has one host for every API.
  api_url = (
    var.local_endpoint == null
    ? module.api.url
    : "${replace(coalesce(var.local_endpoint, "-"), "//localhost:", "//127.0.0.1:")}/_aws/execute-api/${module.api.id}/${var.stage}"
  )

  # As the functions read it: the user pool, and who else is trusted.
  trusted_issuers = concat(
    [merge(
      {
        issuer    = module.users.issuer
        audiences = [module.users.client_id]
        kind      = "cognito"
      },
      # A local cloud's tokens name AWS as their issuer; its keys are its own.
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

  # What lambdas/functions.json may name in ${}.
  placeholder_values = merge(
    {
      region              = var.region
      stage               = var.stage
      bucket              = module.bucket.name
      bucket_arn          = module.bucket.arn
      user_pool_id        = module.users.id
      user_pool_arn       = module.users.arn
      user_pool_client_id = module.users.client_id
      trusted_issuers     = jsonencode(local.trusted_issuers)
      api_url             = local.api_url
      currency            = var.currency
    },
    { for name, table in module.table : "${name}_table" => table.name },
    { for name, table in module.table : "${name}_table_arn" => table.arn },
    { for name, queue in module.queue : "${name}_queue_url" => queue.url },
    { for name, queue in module.queue : "${name}_queue_arn" => queue.arn },
    { for name, queue in module.queue : "${name}_dead_queue_url" => queue.dead_letter_url },
    { for name, queue in module.queue : "${name}_dead_queue_arn" => queue.dead_letter_arn },
    { for mail in module.mail : "mail_sender" => mail.sender },
    { for mail in module.mail : "mail_identity_arn" => mail.identity_arn },
  )
}

module "users" {
  source = "../modules/users"

  name                = local.prefix
  deletion_protection = local.protected
}

module "bucket" {
  source = "../modules/bucket"

  name             = var.bucket_name
  force_destroy    = var.force_destroy
  old_version_days = var.old_version_days
  tls_only         = local.tls_only
  cors_origins     = var.cors_origins
  notify           = contains(local.queues, "index") ? { queue_arn = module.queue["index"].arn, prefix = "photos/" } : null
}

module "table" {
  source   = "../modules/table"
  for_each = local.tables

  name                = "${local.prefix}-${each.key}"
  key                 = each.value.key
  indexes             = each.value.indexes
  ttl_attribute       = each.value.ttl_attribute
  deletion_protection = local.protected
}

module "queue" {
  source   = "../modules/queue"
  for_each = local.queues

  name               = "${local.prefix}-${each.key}"
  visibility_timeout = local.visibility_timeouts[each.key]
  from_bucket        = each.key == "index" ? { arn = module.bucket.arn } : null
  tls_only           = local.tls_only
}

module "mail" {
  source = "../modules/mail"
  count  = local.sends_mail && var.mail_sender != null ? 1 : 0

  sender = var.mail_sender
}

# The extension that keeps the issuers' keys fresh, beside the functions that check tokens.
resource "aws_lambda_layer_version" "jwt" {
  count = var.layer ? 1 : 0

  layer_name               = "${local.prefix}-layer-jwt"
  description              = "Keeps the keys of the trusted issuers"
  filename                 = local.layer_zip
  source_code_hash         = fileexists(local.layer_zip) ? filebase64sha256(local.layer_zip) : null
  compatible_architectures = [var.architecture]
  compatible_runtimes      = ["provided.al2023"]

  lifecycle {
    # Functions keep the version they have until they have the new one.
    create_before_destroy = true

    precondition {
      condition     = fileexists(local.layer_zip)
      error_message = "The zip of the layer is missing: ${local.layer_zip}. Build it with scripts/package, or set layer = false."
    }
  }
}

locals {
  layer_zip = "${var.dist_dir}/${var.architecture}/layer-jwt.zip"
}

module "function" {
  source   = "../modules/function"
  for_each = local.functions

  prefix         = local.prefix
  name           = each.key
  description    = each.value.description
  zip            = "${var.dist_dir}/${var.architecture}/${each.key}.zip"
  architecture   = var.architecture
  memory         = each.value.memory
  timeout        = each.value.timeout
  environment    = local.environments[each.key]
  permissions    = local.permissions[each.key]
  every_resource = var.local_endpoint != null
  layers         = each.value.token || each.value.authorizer ? aws_lambda_layer_version.jwt[*].arn : []

  queue = contains(local.queues, coalesce(each.value.queue, "-")) ? {
    arn          = module.queue[each.value.queue].arn
    batch_size   = each.value.batch_size
    batch_window = each.value.batch_window
    concurrency  = each.value.concurrency
  } : null

  log_retention_days   = var.log_retention_days
  permissions_boundary = var.permissions_boundary_arn
}

module "api" {
  source = "../modules/api"

  name      = local.prefix
  stage     = var.stage
  functions = module.function
  routes    = { for key, users in local.routes : key => users[0] }

  authorizer          = var.authorizer
  jwt                 = { issuer = module.users.issuer, audiences = [module.users.client_id] }
  authorizer_function = one([for name, function in module.function : function if name == "authorize"])

  cors_origins       = var.cors_origins
  throttling         = var.throttling
  log_retention_days = var.log_retention_days
}

module "schedule" {
  source   = "../modules/schedule"
  for_each = { for name, function in local.functions : name => function.schedule if function.schedule != null }

  name                 = module.function[each.key].name
  expression           = each.value
  function_name        = module.function[each.key].name
  function_arn         = module.function[each.key].arn
  permissions_boundary = var.permissions_boundary_arn
}

module "alarms" {
  source = "../modules/alarms"

  prefix    = local.prefix
  email     = var.alarm_email
  api       = { id = module.api.id, stage = var.stage }
  functions = module.function
  queues    = module.queue

  # Only a schedule that runs every few minutes can be missed within a quarter of an hour.
  schedules = {
    for name, function in local.functions : name => module.function[name].name
    if can(regex("^rate\\(([1-5] minutes?)\\)$", function.schedule))
  }
}
