# What a deployment sets on the photo bucket.

locals {
  photo_origins = concat(module.web[*].url, var.cors_origins)
}

# Browsers read photos, and upload them in parts, through presigned URLs.
resource "aws_s3_bucket_cors_configuration" "photos" {
  count = var.local_endpoint != null && length(var.cors_origins) == 0 ? 0 : 1

  bucket = local.bucket

  cors_rule {
    allowed_origins = local.photo_origins
    allowed_methods = ["GET", "HEAD", "PUT"]
    allowed_headers = ["*"]
    expose_headers  = ["Content-Disposition", "ETag"]
    max_age_seconds = 3600
  }
}

resource "aws_s3_bucket_notification" "photos" {
  count = length(local.event_prefixes) == 0 ? 0 : 1

  bucket = local.bucket

  dynamic "topic" {
    for_each = module.events

    content {
      id            = topic.key
      topic_arn     = topic.value.topic_arn
      events        = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
      filter_prefix = topic.key
    }
  }
}

moved {
  from = module.bucket.aws_s3_bucket_cors_configuration.this
  to   = aws_s3_bucket_cors_configuration.photos
}

moved {
  from = module.bucket.aws_s3_bucket_notification.this
  to   = aws_s3_bucket_notification.photos
}
