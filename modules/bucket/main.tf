resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Access logs would record who looked at which photo; the gateway's log and CloudTrail are enough
  #checkov:skip=CKV_AWS_144:A second region doubles the cost; versions let an overwritten or deleted object be restored
  #checkov:skip=CKV_AWS_145:SSE-S3 encrypts every object; a customer-managed key costs per request and stops nobody who has access to the bucket
  #checkov:skip=CKV2_AWS_62:Only prefixes with consumers have notifications (topics)
  bucket        = var.name
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# No access control lists: only policies grant access.
resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300:Each prefix has a rule that aborts uploads, in a dynamic block that checkov does not read
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }

    # Delete markers whose object has no other versions left.
    expiration {
      expired_object_delete_marker = true
    }
  }

  # By prefix and not for the whole bucket: of two rules that apply, S3 follows the one with fewer days.
  dynamic "rule" {
    for_each = var.prefixes

    content {
      id     = rule.key
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = coalesce(rule.value.expires_days, 1)
      }

      dynamic "expiration" {
        for_each = rule.value.expires_days[*]

        content {
          days = expiration.value
        }
      }

      # What expires is temporary: its old versions need not be kept.
      dynamic "noncurrent_version_expiration" {
        for_each = rule.value.expires_days[*]

        content {
          noncurrent_days = 1
        }
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "this" {
  count = var.tls_only || var.distributions != null ? 1 : 0

  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      !var.tls_only ? [] : [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for pattern in var.distributions[*] : {
        Sid       = "ReadByCloudFront"
        Effect    = "Allow"
        Principal = { Service = "cloudfront.amazonaws.com" }
        Action    = "s3:GetObject"
        Resource  = ["${aws_s3_bucket.this.arn}/*"]
        Condition = { ArnLike = { "aws:SourceArn" = pattern } }
      }],
    )
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
