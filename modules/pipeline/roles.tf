# Who may assume which role, and what every build needs. modules/stage says what a deployment may change.

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

# One role per build, in the pipeline's account. The test build and the release build run code that nobody has approved,
# so they can access only their log and their artifacts. A plan and an apply assume a role of their stage, which says
# what they may read and change there (modules/stage).
resource "aws_iam_role" "build" {
  for_each = local.builds

  name = "${local.own}-${each.key}"
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
  # What each build reads and writes in the artifact bucket. Only the release build can write the zips, and only a
  # stage's own plan build the plan that is applied. Only the pipeline itself can write the source.
  artifact_access = merge(
    {
      test    = { read = [local.folders["source"], "cache"], write = ["cache"] }
      release = { read = [local.folders["source"]], write = [local.folders["release"]] }
    },
    { for name, artifact in local.artifacts : "${name}-plan" => {
      read  = [local.folders["source"], local.folders["release"]]
      write = [local.folders[artifact]]
    } },
    { for name, artifact in local.artifacts : "${name}-apply" => {
      read  = [local.folders["source"], local.folders["release"], local.folders[artifact]]
      write = []
    } },
  )

  state_bucket = "arn:${local.partition}:s3:::${var.state_bucket}"

  build_statements = {
    for key, build in local.builds : key => [for statement in [
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
        Resource = build.action == "test" ? ["${local.arn.codebuild}:report-group/${local.own}-${key}-*"] : []
      },
      {
        Sid      = "ReadArtifacts"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource = [for folder in local.artifact_access[key].read : "${aws_s3_bucket.artifacts.arn}/${folder}/*"]
      },
      {
        Sid      = "WriteArtifacts"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = [for folder in local.artifact_access[key].write : "${aws_s3_bucket.artifacts.arn}/${folder}/*"]
      },
      {
        Sid      = "ArtifactBucket"
        Effect   = "Allow"
        Action   = ["s3:GetBucketAcl", "s3:GetBucketLocation"]
        Resource = [aws_s3_bucket.artifacts.arn]
      },
      {
        # Without it, S3 answers 403 instead of 404 where the cache is still empty.
        Sid      = "FindCache"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = build.action == "test" ? [aws_s3_bucket.artifacts.arn] : []
      },
      {
        # Only an apply writes the state, and takes its lock. A plan needs no lock: an apply refuses a plan that was
        # made from an older state.
        Sid      = "State"
        Effect   = "Allow"
        Action   = concat(["s3:GetObject"], build.action == "apply" ? ["s3:PutObject"] : [])
        Resource = build.stage == null ? [] : ["${local.state_bucket}/${build.stage}/terraform.tfstate"]
      },
      {
        Sid      = "StateLock"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = build.action == "apply" ? ["${local.state_bucket}/${build.stage}/terraform.tfstate.tflock"] : []
      },
      {
        # Terraform lists the bucket to find workspaces, and S3 answers 403 without it where there is no state yet.
        Sid      = "StateBucket"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = build.stage == null ? [] : [local.state_bucket]
      },
      {
        Sid      = "Stage"
        Effect   = "Allow"
        Action   = ["sts:AssumeRole"]
        Resource = build.stage == null ? [] : [local.stages[build.stage].roles[build.action]]
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
