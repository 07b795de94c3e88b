locals {
  builds = merge(
    { for action in ["test", "release"] : action => { action = action, stage = null } },
    { for name, s in local.stages : "${name}-plan" => { action = "plan", stage = name } },
    { for name, s in local.stages : "${name}-apply" => { action = "apply", stage = name } },
  )

  # A project has its build specification from here, not from the source. So a push cannot change what a build does with
  # its role, and each project has only the parts that it needs: the cache, for example, is for the tests alone.
  buildspec = yamldecode(var.buildspec)
  sections = {
    test    = ["version", "env", "phases", "reports", "cache"]
    release = ["version", "env", "phases", "artifacts"]
    plan    = ["version", "env", "phases", "artifacts"]
    apply   = ["version", "env", "phases"]
  }
}

resource "aws_cloudwatch_log_group" "build" {
  #checkov:skip=CKV_AWS_158:CloudWatch Logs encrypts with its own key, and the builds print no secrets.
  #checkov:skip=CKV_AWS_338:The operator chooses how long to keep the build logs (log_retention_days).
  for_each = local.builds

  name              = "/aws/codebuild/${local.own}-${each.key}"
  retention_in_days = var.log_retention_days
}

resource "aws_codebuild_project" "this" {
  #checkov:skip=CKV_AWS_147:Artifacts are encrypted with S3's own key. See the artifact bucket for the reason.
  for_each = local.builds

  name = "${local.own}-${each.key}"
  description = {
    test    = "Tests ${var.name}"
    release = "Builds the zips of ${var.name} that are deployed"
    plan    = "Plans the deployment of stage ${coalesce(each.value.stage, "-")}"
    apply   = "Applies the plan of stage ${coalesce(each.value.stage, "-")}"
  }[each.value.action]
  service_role  = aws_iam_role.build[each.key].arn
  build_timeout = 120 # minutes; without a cache, the test step builds everything twice

  # Without concurrent_build_limit: a build above that limit fails instead of waiting in the queue. A stage of the
  # pipeline runs one build at a time anyway.

  source {
    type      = "CODEPIPELINE"
    buildspec = yamlencode({ for section, value in local.buildspec : section => value if contains(local.sections[each.value.action], section) })
  }

  artifacts {
    type = "CODEPIPELINE"
  }

  # Only the test build uses a cache. The other builds must not read from a place where a less trusted build can write.
  cache {
    type     = each.value.action == "test" ? "S3" : "NO_CACHE"
    location = each.value.action == "test" ? "${aws_s3_bucket.artifacts.bucket}/cache" : null
  }

  environment {
    type         = "ARM_CONTAINER"
    image        = var.build_image
    compute_type = each.value.stage == null ? var.build_compute_type : "BUILD_GENERAL1_SMALL"

    environment_variable {
      name  = "ACTION"
      value = each.value.action
    }

    dynamic "environment_variable" {
      for_each = each.value.stage == null ? { BUILDSPEC_SHA256 = sha256(var.buildspec) } : {
        STAGE                           = each.value.stage
        STATE_BUCKET                    = var.state_bucket
        TF_VAR_api_id                   = local.stages[each.value.stage].api_id
        TF_VAR_permissions_boundary_arn = local.stages[each.value.stage].permissions_boundary_arn
        ROLE_ARN                        = local.stages[each.value.stage].roles[each.value.action]
      }

      content {
        name  = environment_variable.key
        value = environment_variable.value
      }
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.build[each.key].name
    }
  }
}

resource "aws_s3_bucket" "artifacts" {
  #checkov:skip=CKV_AWS_18:Only the pipeline's roles can access this bucket. Access logs would need another bucket.
  #checkov:skip=CKV_AWS_144:Everything in this bucket can be rebuilt.
  #checkov:skip=CKV_AWS_145:Encrypted with S3's own key. A customer-managed key would add no protection beyond that of the roles.
  #checkov:skip=CKV2_AWS_62:Nothing consumes events from this bucket.
  bucket = "${local.own}-${local.account}-${local.region}"
  # Old builds must not prevent the pipeline from being destroyed.
  force_destroy = true
}

resource "aws_s3_bucket_public_access_block" "artifacts" {
  bucket                  = aws_s3_bucket.artifacts.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "artifacts" {
  bucket = aws_s3_bucket.artifacts.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "artifacts" {
  bucket     = aws_s3_bucket.artifacts.id
  depends_on = [aws_s3_bucket_versioning.artifacts]

  rule {
    id     = "artifacts"
    status = "Enabled"
    filter {}

    expiration {
      days = var.artifact_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "artifacts" {
  bucket     = aws_s3_bucket.artifacts.id
  depends_on = [aws_s3_bucket_public_access_block.artifacts]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.artifacts.arn, "${aws_s3_bucket.artifacts.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
