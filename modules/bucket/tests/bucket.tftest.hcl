mock_provider "aws" {}

override_resource {
  target = aws_s3_bucket.this
  values = { id = "photos", arn = "arn:aws:s3:::photos" }
}

variables {
  name = "photos"
}

run "nothing_is_public" {
  assert {
    condition = (
      aws_s3_bucket_public_access_block.this.bucket == "photos" &&
      aws_s3_bucket_public_access_block.this.block_public_acls &&
      aws_s3_bucket_public_access_block.this.block_public_policy &&
      aws_s3_bucket_public_access_block.this.ignore_public_acls &&
      aws_s3_bucket_public_access_block.this.restrict_public_buckets
    )
    error_message = "The bucket can be made public."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Access control lists can grant access."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_s3_bucket_policy.this[0].policy).Statement : statement.Effect == "Deny"])
    error_message = "The bucket's policy grants access."
  }
}

run "only_distributions_of_the_account_may_read" {
  variables {
    distributions = "arn:aws:cloudfront::123456789012:distribution/*"
  }

  assert {
    condition = jsonencode([for statement in jsondecode(aws_s3_bucket_policy.this[0].policy).Statement : statement if statement.Effect == "Allow"]) == jsonencode([{
      Sid       = "ReadByCloudFront"
      Effect    = "Allow"
      Principal = { Service = "cloudfront.amazonaws.com" }
      Action    = "s3:GetObject"
      Resource  = ["arn:aws:s3:::photos/*"]
      Condition = { ArnLike = { "aws:SourceArn" = "arn:aws:cloudfront::123456789012:distribution/*" } }
    }])
    error_message = "Others than these distributions may read the bucket, or they may do more."
  }
}

run "distributions_of_every_account_are_refused" {
  command = plan

  variables {
    distributions = "arn:aws:cloudfront::*:distribution/*"
  }

  expect_failures = [var.distributions]
}

run "requests_without_tls_are_refused" {
  assert {
    condition = jsonencode(jsondecode(aws_s3_bucket_policy.this[0].policy).Statement) == jsonencode([{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }])
    error_message = "Requests without TLS are not refused."
  }
}

run "a_local_cloud_works_without_tls" {
  variables {
    tls_only = false
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0
    error_message = "The policy is still there."
  }
}

run "a_local_cloud_has_distributions_without_tls" {
  variables {
    tls_only      = false
    distributions = "arn:aws:cloudfront::123456789012:distribution/*"
  }

  assert {
    condition     = [for statement in jsondecode(aws_s3_bucket_policy.this[0].policy).Statement : statement.Sid] == ["ReadByCloudFront"]
    error_message = "The distributions may not read, or requests without TLS are refused."
  }
}

run "objects_are_encrypted_and_versioned" {
  assert {
    condition = (
      one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256" &&
      aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    )
    error_message = "Objects are not encrypted, or not versioned."
  }
}

run "old_versions_expire" {
  variables {
    old_version_days = 7
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this.rule[0].noncurrent_version_expiration[0].noncurrent_days == 7 &&
      aws_s3_bucket_lifecycle_configuration.this.rule[0].status == "Enabled"
    )
    error_message = "Old versions are kept without end."
  }
}

run "each_prefix_has_its_lifecycle" {
  variables {
    prefixes = { "incoming/" = { expires_days = 7 }, "photos/" = {} }
  }

  assert {
    condition = jsonencode([
      for rule in slice(aws_s3_bucket_lifecycle_configuration.this.rule, 1, 3) : [
        rule.filter[0].prefix,
        rule.status,
        rule.abort_incomplete_multipart_upload[0].days_after_initiation,
        [for expiration in rule.expiration : expiration.days],
        [for expiration in rule.noncurrent_version_expiration : expiration.noncurrent_days],
      ]
    ]) == jsonencode([["incoming/", "Enabled", 7, [7], [1]], ["photos/", "Enabled", 1, [], []]])
    error_message = "Temporary objects or uncompleted uploads stay, or photos expire."
  }
}

run "a_bucket_with_photos_cannot_be_destroyed" {
  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "The bucket can be destroyed with everything in it."
  }
}

run "a_name_in_capitals_is_refused" {
  command = plan

  variables {
    name = "Photos"
  }

  expect_failures = [var.name]
}

run "a_name_that_s3_reserves_is_refused" {
  command = plan

  variables {
    name = "photos-s3alias"
  }

  expect_failures = [var.name]
}

run "zero_days_are_refused" {
  command = plan

  variables {
    old_version_days = 0
  }

  expect_failures = [var.old_version_days]
}
