data "aws_caller_identity" "current" {}

# S3 accepts one destination for each event of a prefix. A topic passes the event on to any number of queues.
resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:S3 cannot publish to a topic that is encrypted with the AWS-managed key; messages hold keys of objects, which the queues encrypt
  name = var.name
}

resource "aws_sns_topic_policy" "this" {
  arn = aws_sns_topic.this.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Bucket"
      Effect    = "Allow"
      Principal = { Service = "s3.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.this.arn
      # The account too: a bucket's ARN does not contain it.
      Condition = {
        ArnEquals    = { "aws:SourceArn" = var.bucket_arn }
        StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id }
      }
    }]
  })
}
