# Who may assume which role, and what every build needs. permissions.tf says what a deployment may change.

resource "aws_iam_role" "pipeline" {
  name = local.own
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "codepipeline.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "pipeline" {
  name = "pipeline"
  role = aws_iam_role.pipeline.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "Artifacts"
        Effect = "Allow"
        # The source action of a connection sets an ACL on what it uploads, which needs s3:PutObjectAcl.
        Action   = concat(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], local.github ? ["s3:PutObjectAcl", "s3:PutObjectTagging"] : [])
        Resource = "${aws_s3_bucket.artifacts.arn}/${var.name}/*"
      },
      {
        Sid      = "ArtifactBucket"
        Effect   = "Allow"
        Action   = concat(["s3:GetBucketVersioning", "s3:GetBucketLocation", "s3:ListBucket"], local.github ? ["s3:GetBucketAcl"] : [])
        Resource = aws_s3_bucket.artifacts.arn
      },
      {
        Sid    = "Source"
        Effect = "Allow"
        Action = local.github ? ["codeconnections:UseConnection", "codestar-connections:UseConnection"] : [
          "codecommit:CancelUploadArchive", "codecommit:GetBranch", "codecommit:GetCommit",
          "codecommit:GetRepository", "codecommit:GetUploadArchiveStatus", "codecommit:UploadArchive",
        ]
        Resource = local.source_arn
      },
      {
        Sid      = "Builds"
        Effect   = "Allow"
        Action   = ["codebuild:StartBuild", "codebuild:BatchGetBuilds"]
        Resource = [for project in aws_codebuild_project.this : project.arn]
      },
      {
        Sid      = "AskForApproval"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = aws_sns_topic.notifications.arn
      },
    ]
  })
}

resource "aws_iam_role" "push" {
  count = local.github ? 0 : 1

  name = "${local.own}-push"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "push" {
  count = local.github ? 0 : 1

  name = "start"
  role = aws_iam_role.push[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "codepipeline:StartPipelineExecution"
      Resource = aws_codepipeline.this.arn
    }]
  })
}

# One role per build. The test build runs code that nobody has approved, so it can access only its log, its reports and
# its artifacts. A plan may only read. An apply may change its own stage.
resource "aws_iam_role" "build" {
  for_each = local.builds

  name = "${local.own}-${each.key}"
  # Limits what the role can be granted later, including by mistake.
  permissions_boundary = each.value.stage == null ? null : aws_iam_policy.deploy_boundary[each.value.stage].arn
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "codebuild.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { ArnEquals = { "aws:SourceArn" = "${local.arn.codebuild}:project/${local.own}-${each.key}" } }
    }]
  })
}

locals {
  # Which artifacts each build reads and writes. Only a stage's own plan build can write the plan that is approved and
  # applied.
  artifact_access = merge(
    { test = { read = [local.folders["source"]], write = [local.folders["build"], "cache"] } },
    { for name, artifact in local.artifacts : "${name}-plan" => { read = [local.folders["build"]], write = [local.folders[artifact]] } },
    { for name, artifact in local.artifacts : "${name}-apply" => { read = [local.folders[artifact]], write = [] } },
  )

  build_statements = {
    for key, access in local.artifact_access : key => [for statement in [
      {
        Sid    = "Log"
        Effect = "Allow"
        Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        # `:*` matches the streams of this log group only.
        Resource = ["${local.arn.logs}:log-group:/aws/codebuild/${local.own}-${key}:*"]
      },
      {
        Sid    = "Reports"
        Effect = "Allow"
        Action = ["codebuild:CreateReportGroup", "codebuild:CreateReport", "codebuild:UpdateReport", "codebuild:BatchPutTestCases"]
        # CodeBuild prefixes a report group's name with the name of its project.
        Resource = ["${local.arn.codebuild}:report-group/${local.own}-${key}-*"]
      },
      {
        Sid    = "ReadArtifacts"
        Effect = "Allow"
        Action = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = [
          for folder in concat(access.read, key == "test" ? ["cache"] : []) : "${aws_s3_bucket.artifacts.arn}/${folder}/*"
        ]
      },
      {
        Sid      = "WriteArtifacts"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [for folder in access.write : "${aws_s3_bucket.artifacts.arn}/${folder}/*"]
      },
      {
        Sid      = "ArtifactBucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:ListBucket"]
        Resource = [aws_s3_bucket.artifacts.arn]
      },
    ] : statement if length(statement.Resource) > 0]
  }
}

resource "aws_iam_role_policy" "build" {
  for_each = local.builds

  name   = "build"
  role   = aws_iam_role.build[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.build_statements[each.key] })
}

resource "aws_iam_role_policy" "deploy" {
  for_each = { for key, build in local.builds : key => build if build.stage != null }

  name = "deploy"
  role = aws_iam_role.build[each.key].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.state_statements[each.key],
      local.deploy_statements[each.value.action][each.value.stage],
    )
  })
}
