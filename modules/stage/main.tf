data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  # ARN prefix of each service: `arn:aws:{service}:{region}:{account}`.
  arn = {
    for service in ["cloudwatch", "codedeploy", "cognito-idp", "dynamodb", "lambda", "logs", "scheduler", "ses", "sns", "sqs"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }
  iam = "arn:${local.partition}:iam::${local.account}"
  api = "arn:${local.partition}:apigateway:${local.region}::/apis/${aws_apigatewayv2_api.this.id}"

  # Every named resource that a deployment makes has this name or this prefix.
  prefix = "${var.name}-${var.stage}"
  # What concerns the bootstrap in the stage's settings.
  bucket           = regex("(?m)^bucket_name\\s*=\\s*\"([^\"]+)\"", var.settings)[0]
  old_version_days = try(tonumber(regex("(?m)^old_version_days\\s*=\\s*([0-9]+)", var.settings)[0]), null)
  force_destroy    = can(regex("(?m)^force_destroy\\s*=\\s*true", var.settings))
  mail_identity    = try(regex("(?m)^mail_sender\\s*=\\s*\"([^\"]+)\"", var.settings)[0], null)

  firewall = can(regex("(?m)^firewall\\s*=\\s*\\{", var.settings))

  # No stage is named `pipeline`, so no deployment may change what has this prefix.
  own = "${var.name}-pipeline-${var.stage}"
}

# Reserves the id that the roles are restricted to. The deployment imports the API and then owns its settings.
resource "aws_apigatewayv2_api" "this" {
  name          = local.prefix
  protocol_type = "HTTP"

  lifecycle {
    ignore_changes = all
  }
}

module "bucket" {
  source = "../bucket"

  name             = local.bucket
  prefixes         = var.prefixes
  old_version_days = local.old_version_days
  force_destroy    = local.force_destroy
  tls_only         = var.tls_only
}

# The bucket of the web app's files. A deployment may only write files. Any distribution of the account may read them,
# because the one of this stage is made later, and because they are public.
module "web_bucket" {
  source = "../bucket"

  name             = "${local.prefix}-web-${local.account}"
  old_version_days = local.old_version_days
  force_destroy    = local.force_destroy
  tls_only         = var.tls_only
  distributions    = "arn:${local.partition}:cloudfront::${local.account}:distribution/*"
}

# A plan assumes the reader, an apply the deployer. The pipeline's builds are the only ones that may.
resource "aws_iam_role" "deploy" {
  for_each = { plan = "reader", apply = "deployer" }

  name        = "${local.own}-${each.value}"
  description = "Assumed by the ${each.key} of ${var.name} ${var.stage}"
  # Limits what the role can be granted later, including by mistake.
  permissions_boundary = aws_iam_policy.deploy_boundary.arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.pipeline_account}:root" }
      Action    = "sts:AssumeRole"
      # A condition instead of a principal: the build's role need not exist yet.
      Condition = { ArnEquals = { "aws:PrincipalArn" = "arn:${local.partition}:iam::${local.pipeline_account}:role/${local.own}-${each.key}" } }
    }]
  })
}

locals {
  pipeline_account = coalesce(var.pipeline_account, local.account)
}

resource "aws_iam_role_policy" "deploy" {
  for_each = aws_iam_role.deploy

  name   = "deploy"
  role   = each.value.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}
