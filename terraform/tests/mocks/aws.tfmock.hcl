# Values in the form that AWS returns, where another argument requires that form. All other values are random and
# differ between resources, so that a test can tell resources apart.

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "123456789012"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition = "aws"
  }
}

mock_data "aws_region" {
  defaults = {
    region = "eu-central-1"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::123456789012:role/mock"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:mock"
  }
}

mock_resource "aws_lambda_alias" {
  defaults = {
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:mock:live"
  }
}

mock_resource "aws_lambda_layer_version" {
  defaults = {
    arn = "arn:aws:lambda:eu-central-1:123456789012:layer:mock:1"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:eu-central-1:123456789012:log-group:mock"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::mock"
  }
}

mock_resource "aws_cognito_user_pool" {
  defaults = {
    id       = "eu-central-1_Mock"
    arn      = "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_Mock"
    endpoint = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Mock"
  }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = {
    id            = "mockapi"
    api_endpoint  = "https://mockapi.execute-api.eu-central-1.amazonaws.com"
    execution_arn = "arn:aws:execute-api:eu-central-1:123456789012:mockapi"
  }
}

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/mock"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    id  = "https://sqs.eu-central-1.amazonaws.com/123456789012/mock"
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/mock"
    arn = "arn:aws:sqs:eu-central-1:123456789012:mock"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:eu-central-1:123456789012:mock"
  }
}

mock_resource "aws_sesv2_email_identity" {
  defaults = {
    arn = "arn:aws:ses:eu-central-1:123456789012:identity/mock"
  }
}

mock_resource "aws_wafv2_web_acl" {
  defaults = {
    arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/mock/a"
  }
}

mock_resource "aws_cloudfront_function" {
  defaults = {
    arn = "arn:aws:cloudfront::123456789012:function/mock"
  }
}

mock_resource "aws_cloudfront_distribution" {
  defaults = {
    domain_name = "mock.cloudfront.net"
  }
}
