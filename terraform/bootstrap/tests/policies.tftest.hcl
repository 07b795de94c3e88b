# The policies of a pipeline with two stages in one account, as AWS would get them. scripts/terraform_checks/policies.py
# reads them from the plan of this run, and evaluates them for each call that the provider and the builds make, and for
# each attempt of an adversary.

mock_provider "aws" {
  override_during = plan

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
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-pipeline-notifications" }
  }
}

override_resource {
  target          = module.pipeline.aws_s3_bucket.artifacts
  override_during = plan
  values          = { arn = "arn:aws:s3:::yourplace-pipeline-123456789012-eu-central-1" }
}

override_resource {
  target          = module.stage["test"].aws_apigatewayv2_api.this
  override_during = plan
  values          = { id = "testapi" }
}

override_resource {
  target          = module.stage["test"].module.bucket.aws_s3_bucket.this
  override_during = plan
  values          = { arn = "arn:aws:s3:::photos" }
}

override_resource {
  target          = module.stage["test"].module.web_bucket.aws_s3_bucket.this
  override_during = plan
  values          = { arn = "arn:aws:s3:::yourplace-test-web-123456789012" }
}

override_resource {
  target          = module.stage["test"].aws_iam_policy.functions_boundary
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:policy/yourplace-pipeline-test-functions-boundary" }
}

override_resource {
  target          = module.stage["test"].aws_iam_role.deploy["plan"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/yourplace-pipeline-test-reader" }
}

override_resource {
  target          = module.stage["test"].aws_iam_role.deploy["apply"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/yourplace-pipeline-test-deployer" }
}

override_resource {
  target          = module.stage["prod"].aws_apigatewayv2_api.this
  override_during = plan
  values          = { id = "prodapi" }
}

override_resource {
  target          = module.stage["prod"].module.bucket.aws_s3_bucket.this
  override_during = plan
  values          = { arn = "arn:aws:s3:::photos-prod" }
}

override_resource {
  target          = module.stage["prod"].module.web_bucket.aws_s3_bucket.this
  override_during = plan
  values          = { arn = "arn:aws:s3:::yourplace-prod-web-123456789012" }
}

override_resource {
  target          = module.stage["prod"].aws_iam_policy.functions_boundary
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:policy/yourplace-pipeline-prod-functions-boundary" }
}

override_resource {
  target          = module.stage["prod"].aws_iam_role.deploy["plan"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/yourplace-pipeline-prod-reader" }
}

override_resource {
  target          = module.stage["prod"].aws_iam_role.deploy["apply"]
  override_during = plan
  values          = { arn = "arn:aws:iam::123456789012:role/yourplace-pipeline-prod-deployer" }
}

variables {
  region   = "eu-central-1"
  envs_dir = "./tests/envs"
  stages   = [{ name = "test" }, { name = "prod" }]
}

run "policies" {
  command = plan
}
