data "aws_caller_identity" "current" {}

locals {
  mail_identities = compact(values(module.stage)[*].mail_identity)
  state_bucket    = coalesce(var.state_bucket, "yourplace-state-${data.aws_caller_identity.current.account_id}-${var.region}")
}

resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_18:Only the operators and the pipeline's roles can access this bucket, and CloudTrail records who did.
  #checkov:skip=CKV_AWS_144:Versioning protects against mistakes. If the region is lost, so is everything the state describes.
  #checkov:skip=CKV_AWS_145:The state is encrypted with S3's own key. It has one secret, that of the pool's client, and whoever may read the state may also read the client.
  #checkov:skip=CKV2_AWS_62:Nothing consumes events from this bucket.
  bucket = local.state_bucket

  lifecycle {
    # Without its state, Terraform no longer knows which resources it manages.
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket     = aws_s3_bucket.state.id
  depends_on = [aws_s3_bucket_versioning.state]

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.state_retention_days
    }

    # Each released lock leaves a delete marker behind.
    expiration {
      expired_object_delete_marker = true
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }
}

resource "aws_s3_bucket_policy" "state" {
  bucket     = aws_s3_bucket.state.id
  depends_on = [aws_s3_bucket_public_access_block.state]

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.state.arn, "${aws_s3_bucket.state.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

# The stages in this account. Those in other accounts have terraform/bootstrap/stage.
module "stage" {
  source   = "../../modules/stage"
  for_each = toset([for s in var.stages : s.name if s.deployment == null])

  stage    = each.key
  settings = file("${var.envs_dir}/${each.key}.tfvars")
  prefixes = jsondecode(file("../../lambdas/service.json")).prefixes
}

module "pipeline" {
  source = "../../modules/pipeline"

  stages = [for s in var.stages : merge(
    { name = s.name },
    s.deployment != null ? s.deployment : module.stage[s.name].deployment,
  )]
  buildspec           = file("../../buildspec.yml")
  production_stages   = var.production_stages
  state_bucket        = aws_s3_bucket.state.bucket
  branch              = var.branch
  github_repository   = var.github_repository
  notification_emails = var.notification_emails
}
