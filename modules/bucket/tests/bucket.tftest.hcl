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
    error_message = "Access control lists have a say."
  }

  assert {
    condition     = alltrue([for statement in jsondecode(aws_s3_bucket_policy.this[0].policy).Statement : statement.Effect == "Deny"])
    error_message = "The bucket's policy lets somebody in."
  }
}

run "only_tls_will_do" {
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

run "a_local_cloud_may_do_without_tls" {
  variables {
    tls_only = false
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0
    error_message = "The policy is still there."
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

run "old_versions_and_unfinished_uploads_go" {
  variables {
    old_version_days = 7
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this.rule[0].noncurrent_version_expiration[0].noncurrent_days == 7 &&
      aws_s3_bucket_lifecycle_configuration.this.rule[0].status == "Enabled" &&
      aws_s3_bucket_lifecycle_configuration.this.rule[1].abort_incomplete_multipart_upload[0].days_after_initiation == 1 &&
      aws_s3_bucket_lifecycle_configuration.this.rule[1].status == "Enabled"
    )
    error_message = "Old versions or unfinished uploads stay for ever."
  }

  assert {
    condition     = alltrue([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : try(rule.expiration[0].days, null) == null || try(rule.expiration[0].days, 0) == 0])
    error_message = "Photos themselves expire."
  }
}

run "photos_keep_the_bucket_from_being_destroyed" {
  assert {
    condition     = !aws_s3_bucket.this.force_destroy
    error_message = "The bucket can be destroyed with everything in it."
  }
}

run "no_browser_may_read_by_default" {
  assert {
    condition     = length(aws_s3_bucket_cors_configuration.this) == 0
    error_message = "CORS is on although no origin was named."
  }
}

run "named_origins_may_read" {
  variables {
    cors_origins = ["https://app.example.com"]
  }

  assert {
    condition = (
      one(aws_s3_bucket_cors_configuration.this[0].cors_rule).allowed_origins == toset(["https://app.example.com"]) &&
      one(aws_s3_bucket_cors_configuration.this[0].cors_rule).allowed_methods == toset(["GET", "HEAD"])
    )
    error_message = "The origin may not read, or may write."
  }
}

run "a_queue_hears_of_photos" {
  variables {
    notify = { queue_arn = "arn:aws:sqs:eu-central-1:123456789012:index", prefix = "photos/" }
  }

  assert {
    condition = (
      aws_s3_bucket_notification.this[0].queue[0].queue_arn == "arn:aws:sqs:eu-central-1:123456789012:index" &&
      aws_s3_bucket_notification.this[0].queue[0].filter_prefix == "photos/" &&
      toset(aws_s3_bucket_notification.this[0].queue[0].events) == toset(["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])
    )
    error_message = "The queue does not hear of every photo made and removed, and only of photos."
  }
}

run "a_name_in_capitals_is_refused" {
  command = plan

  variables {
    name = "Photos"
  }

  expect_failures = [var.name]
}

run "a_name_that_s3_keeps_is_refused" {
  command = plan

  variables {
    name = "photos-s3alias"
  }

  expect_failures = [var.name]
}

run "no_days_are_refused" {
  command = plan

  variables {
    old_version_days = 0
  }

  expect_failures = [var.old_version_days]
}
