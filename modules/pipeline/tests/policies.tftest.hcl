# The policies of a deployment of two stages, as AWS would get them. scripts/terraform_checks/policies.py reads them from
# the state of this run, and evaluates them for each call that the provider makes.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }
  mock_resource "aws_codecommit_repository" {
    defaults = { arn = "arn:aws:codecommit:eu-central-1:123456789012:yourplace" }
  }
  mock_resource "aws_codepipeline" {
    defaults = { arn = "arn:aws:codepipeline:eu-central-1:123456789012:yourplace" }
  }
  mock_resource "aws_codebuild_project" {
    defaults = { arn = "arn:aws:codebuild:eu-central-1:123456789012:project/mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/boundary" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::yourplace-pipeline-123456789012-eu-central-1" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-pipeline-notifications" }
  }
}

override_resource {
  target = aws_iam_policy.functions_boundary["test"]
  values = { arn = "arn:aws:iam::123456789012:policy/yourplace-pipeline-test-functions-boundary" }
}

override_resource {
  target = aws_iam_policy.functions_boundary["prod"]
  values = { arn = "arn:aws:iam::123456789012:policy/yourplace-pipeline-prod-functions-boundary" }
}

variables {
  stages = [
    { name = "test", bucket = "yourplace", mail_identity = "mail@test.example.org" },
    { name = "prod", bucket = "yourplace-prod", mail_identity = "mail@example.org" },
  ]
  state_bucket = "yourplace-state-123456789012-eu-central-1"
}

run "policies" {}
