# What terraform/bootstrap makes for a stage, so that deployments cannot touch it: the API, whose id the deploying role is
# restricted to, and the buckets of photos and of the web app with all settings that protect them. Without a bootstrap (api_id is null), as in a
# local cloud, this module makes its own.

locals {
  bootstrapped = var.api_id != null
  bucket       = local.bootstrapped ? var.bucket_name : module.bucket[0].name
  web_bucket   = "${local.prefix}-web-${data.aws_caller_identity.current.account_id}"
  bucket_arn   = local.bootstrapped ? "arn:${data.aws_partition.current.partition}:s3:::${var.bucket_name}" : module.bucket[0].arn
}

# The bootstrap reserves the API. Its settings are made here.
import {
  for_each = toset(var.api_id[*])
  to       = module.api.aws_apigatewayv2_api.this
  id       = each.value
}

module "bucket" {
  source = "../modules/bucket"
  count  = local.bootstrapped ? 0 : 1

  name             = var.bucket_name
  force_destroy    = var.force_destroy
  old_version_days = var.old_version_days
  tls_only         = local.tls_only
  prefixes         = local.manifest.prefixes
}

module "web_bucket" {
  source = "../modules/bucket"
  count  = local.bootstrapped || var.local_endpoint != null ? 0 : 1

  name             = local.web_bucket
  force_destroy    = var.force_destroy
  old_version_days = var.old_version_days
  distributions    = "arn:${data.aws_partition.current.partition}:cloudfront::${data.aws_caller_identity.current.account_id}:distribution/*"
}
