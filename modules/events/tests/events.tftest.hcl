mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

override_resource {
  target = aws_sns_topic.this
  values = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-test-photos-events" }
}

variables {
  name       = "yourplace-test-photos-events"
  bucket_arn = "arn:aws:s3:::photos"
}

run "only_the_bucket_may_publish" {
  assert {
    condition = jsonencode(jsondecode(aws_sns_topic_policy.this.policy).Statement) == jsonencode([{
      Sid       = "Bucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = "arn:aws:sns:eu-central-1:123456789012:yourplace-test-photos-events"
      Condition = {
        ArnEquals    = { "aws:SourceArn" = "arn:aws:s3:::photos" }
        StringEquals = { "aws:SourceAccount" = "123456789012" }
      }
    }])
    error_message = "The bucket may not publish, or another sender may."
  }
}

run "a_name_with_a_slash_is_refused" {
  command = plan

  variables {
    name = "yourplace-test-photos/"
  }

  expect_failures = [var.name]
}
