data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  # ARN prefix of each service: `arn:aws:{service}:{region}:{account}`.
  arn = {
    for service in ["codebuild", "events", "logs"] :
    service => "arn:${local.partition}:${service}:${local.region}:${local.account}"
  }

  own    = "${var.name}-pipeline"
  stages = { for s in var.stages : s.name => s }

  # CodePipeline stores an artifact under `{pipeline}/{first 10 characters of the artifact's name}/`. The stage comes
  # first, so that two stages rarely share a folder; a validation of var.stages refuses those that would.
  artifacts = { for s in var.stages : s.name => "${s.name}_plan" }
  folders = merge(
    { source = "${var.name}/source", release = "${var.name}/release" },
    { for stage, artifact in local.artifacts : artifact => "${var.name}/${substr(artifact, 0, 10)}" },
  )

  github     = var.github_repository != null
  source_arn = local.github ? aws_codeconnections_connection.github[0].arn : aws_codecommit_repository.this[0].arn
}

resource "aws_codecommit_repository" "this" {
  #checkov:skip=CKV2_AWS_37:Code review before a push is the team's responsibility. Production has its own approval in the pipeline.
  count = local.github ? 0 : 1

  repository_name = var.name
  description     = "Source of ${var.name}; a push to ${var.branch} is deployed"
}

resource "aws_codeconnections_connection" "github" {
  count = local.github ? 1 : 0

  name          = var.name
  provider_type = "GitHub"
}

resource "aws_codepipeline" "this" {
  #checkov:skip=CKV_AWS_219:The artifact bucket is encrypted with S3's own key. A customer-managed key would add no protection beyond that of the bucket policy and the roles.
  name          = var.name
  role_arn      = aws_iam_role.pipeline.arn
  pipeline_type = "V2"
  # When several pushes wait for a stage, only the newest continues. A run inside a stage is never overtaken, so nothing
  # is applied between a stage's plan, its approval and its apply.
  execution_mode = "SUPERSEDED"

  artifact_store {
    type     = "S3"
    location = aws_s3_bucket.artifacts.bucket
  }

  stage {
    name = "Source"

    action {
      name             = "Source"
      category         = "Source"
      owner            = "AWS"
      provider         = local.github ? "CodeStarSourceConnection" : "CodeCommit"
      version          = "1"
      output_artifacts = ["source"]
      configuration = local.github ? {
        ConnectionArn    = local.source_arn
        FullRepositoryId = var.github_repository
        BranchName       = var.branch
        DetectChanges    = "true"
        } : {
        RepositoryName = aws_codecommit_repository.this[0].repository_name
        BranchName     = var.branch
        # The event rule `push` starts the pipeline instead.
        PollForSourceChanges = "false"
      }
    }
  }

  # What is deployed comes from the release build. The test build builds the zips a second time, with its cache, and hands
  # over nothing but their digest, which must be the same.
  stage {
    name = "Build"

    action {
      name            = "Test"
      category        = "Build"
      owner           = "AWS"
      provider        = "CodeBuild"
      version         = "1"
      namespace       = "Test"
      input_artifacts = ["source"]
      configuration   = { ProjectName = aws_codebuild_project.this["test"].name }
    }

    action {
      name             = "Release"
      category         = "Build"
      owner            = "AWS"
      provider         = "CodeBuild"
      version          = "1"
      namespace        = "Release"
      input_artifacts  = ["source"]
      output_artifacts = ["release"]
      configuration    = { ProjectName = aws_codebuild_project.this["release"].name }
    }
  }

  dynamic "stage" {
    for_each = var.stages

    content {
      name = "Deploy-${stage.value.name}"

      action {
        name             = "Plan"
        category         = "Build"
        owner            = "AWS"
        provider         = "CodeBuild"
        version          = "1"
        run_order        = 1
        namespace        = "Plan-${stage.value.name}"
        input_artifacts  = ["source", "release"]
        output_artifacts = [local.artifacts[stage.value.name]]
        configuration = {
          ProjectName   = aws_codebuild_project.this["${stage.value.name}-plan"].name
          PrimarySource = "source"
          EnvironmentVariables = jsonencode([
            { name = "REBUILT_SHA256", value = "#{Test.ZIPS_SHA256}", type = "PLAINTEXT" },
            { name = "ZIPS_SHA256", value = "#{Release.ZIPS_SHA256}", type = "PLAINTEXT" },
          ])
        }
      }

      dynamic "action" {
        for_each = contains(var.production_stages, stage.value.name) ? ["Approve"] : []

        content {
          name      = action.value
          category  = "Approval"
          owner     = "AWS"
          provider  = "Manual"
          version   = "1"
          run_order = 2
          configuration = {
            NotificationArn    = aws_sns_topic.notifications.arn
            CustomData         = "${var.name} ${stage.value.name}: #{Plan-${stage.value.name}.PLAN_SUMMARY} Read the full plan in the build log first. Rejecting it lets the next push through."
            ExternalEntityLink = "#{Plan-${stage.value.name}.PLAN_LOG}"
          }
        }
      }

      action {
        name      = "Apply"
        category  = "Build"
        owner     = "AWS"
        provider  = "CodeBuild"
        version   = "1"
        run_order = 3
        # The plan, and what it was made from.
        input_artifacts = ["source", "release", local.artifacts[stage.value.name]]
        configuration = {
          ProjectName   = aws_codebuild_project.this["${stage.value.name}-apply"].name
          PrimarySource = "source"
          EnvironmentVariables = jsonencode([
            { name = "ZIPS_SHA256", value = "#{Release.ZIPS_SHA256}", type = "PLAINTEXT" },
            { name = "PLAN_SHA256", value = "#{Plan-${stage.value.name}.PLAN_SHA256}", type = "PLAINTEXT" },
          ])
        }
      }
    }
  }
}

resource "aws_cloudwatch_event_rule" "push" {
  count = local.github ? 0 : 1

  name        = "${local.own}-push"
  description = "Starts the pipeline of ${var.name} on a push to ${var.branch}"
  event_pattern = jsonencode({
    source      = ["aws.codecommit"]
    detail-type = ["CodeCommit Repository State Change"]
    resources   = [local.source_arn]
    detail = {
      event         = ["referenceCreated", "referenceUpdated"]
      referenceType = ["branch"]
      referenceName = [var.branch]
    }
  })
}

resource "aws_cloudwatch_event_target" "push" {
  count = local.github ? 0 : 1

  rule     = aws_cloudwatch_event_rule.push[0].name
  arn      = aws_codepipeline.this.arn
  role_arn = aws_iam_role.push[0].arn
}
