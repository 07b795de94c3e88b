# Moves each function's alias to a new version step by step, and back if an alarm fires. scripts/release starts it.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region
}

resource "aws_codedeploy_app" "this" {
  name             = var.name
  compute_platform = "Lambda"
}

resource "aws_codedeploy_deployment_group" "this" {
  for_each = var.functions

  app_name               = aws_codedeploy_app.this.name
  deployment_group_name  = each.value.name
  service_role_arn       = aws_iam_role.this.arn
  deployment_config_name = "CodeDeployDefault.${var.traffic}"

  # The only style that CodeDeploy has for Lambda.
  deployment_style {
    deployment_option = "WITH_TRAFFIC_CONTROL"
    deployment_type   = "BLUE_GREEN"
  }

  alarm_configuration {
    enabled = true
    alarms  = each.value.alarms
  }

  auto_rollback_configuration {
    enabled = true
    events  = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
  }

  # The first deployment already needs the permissions.
  depends_on = [aws_iam_role_policy.this]
}

resource "aws_iam_role" "this" {
  name                 = "${var.name}-release"
  description          = "Lets CodeDeploy move the aliases of ${var.name}"
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "codedeploy.amazonaws.com" }
      Condition = {
        ArnLike      = { "aws:SourceArn" = "arn:${local.partition}:codedeploy:${local.region}:${local.account}:deploymentgroup:${var.name}/*" }
        StringEquals = { "aws:SourceAccount" = local.account }
      }
    }]
  })
}

# As in AWS's policy AWSCodeDeployRoleForLambdaLimited, but for this stage's functions and without hooks.
resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_355:AWS denies DescribeAlarms on any narrower resource
  name = "release"
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
        Resource = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["cloudwatch:DescribeAlarms"]
        Resource = ["*"]
      },
    ]
  })
}
