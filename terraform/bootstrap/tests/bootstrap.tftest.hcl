# The provider is mocked, so no API is called. Every run only plans: prevent_destroy would stop Terraform from cleaning
# up after an apply.

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
    defaults = { arn = "arn:aws:codecommit:eu-central-1:123456789012:yourplace", clone_url_http = "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/yourplace" }
  }
  mock_resource "aws_codepipeline" {
    defaults = { arn = "arn:aws:codepipeline:eu-central-1:123456789012:yourplace" }
  }
  mock_resource "aws_codebuild_project" {
    defaults = { arn = "arn:aws:codebuild:eu-central-1:123456789012:project/mock" }
  }
  mock_resource "aws_apigatewayv2_api" {
    defaults = { id = "mockapi" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/mock" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::mock" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-pipeline-notifications" }
  }
}

# Not the values of a terraform.tfvars that an operator has committed.
variables {
  region   = "eu-central-1"
  envs_dir = "./tests/envs"
  stages   = [{ name = "test" }]
}

run "state_bucket" {
  command = plan

  assert {
    condition = (
      aws_s3_bucket_public_access_block.state.block_public_acls && aws_s3_bucket_public_access_block.state.block_public_policy
      && aws_s3_bucket_public_access_block.state.ignore_public_acls && aws_s3_bucket_public_access_block.state.restrict_public_buckets
      && one(aws_s3_bucket_ownership_controls.state.rule).object_ownership == "BucketOwnerEnforced"
    )
    error_message = "The state bucket must block all public access."
  }
  assert {
    condition     = one(aws_s3_bucket_versioning.state.versioning_configuration).status == "Enabled"
    error_message = "The state bucket must be versioned."
  }
  assert {
    condition = (
      one(one(aws_s3_bucket_lifecycle_configuration.state.rule).noncurrent_version_expiration).noncurrent_days == 365 &&
      one(one(aws_s3_bucket_lifecycle_configuration.state.rule).expiration).expired_object_delete_marker
    )
    error_message = "Old versions of the state must expire after a year, and the current version never."
  }
  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.state.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "The state must be encrypted."
  }
  assert {
    condition = (
      [for s in jsondecode(aws_s3_bucket_policy.state.policy).Statement : "${s.Effect} ${s.Condition.Bool["aws:SecureTransport"]}"] == ["Deny false"]
    )
    error_message = "The bucket policy must deny requests without TLS and grant nothing."
  }
  assert {
    condition     = aws_s3_bucket.state.force_destroy != true && length(regexall("(?s)resource \"aws_s3_bucket\" \"state\" \\{.*?lifecycle \\{[^}]*prevent_destroy = true", file("main.tf"))) == 1
    error_message = "Terraform must refuse to destroy the state bucket."
  }
}

run "outputs" {
  command = plan

  assert {
    condition     = output.state_bucket == "yourplace-state-123456789012-eu-central-1"
    error_message = "The default name of the state bucket must contain the account and the region."
  }
  assert {
    condition = (
      strcontains(output.backend, "bucket       = \"yourplace-state-123456789012-eu-central-1\"")
      && strcontains(output.backend, "use_lockfile = true") && strcontains(output.backend, "key          = \"bootstrap/terraform.tfstate\"")
    )
    error_message = "The backend block must name the bucket, the key and the lock file."
  }
  assert {
    condition     = output.pipeline_name == "yourplace" && endswith(output.clone_url, "/v1/repos/yourplace")
    error_message = "The outputs must name the pipeline and the URL to push to."
  }
}

run "rejects_an_invalid_region" {
  command = plan
  variables {
    region = "Frankfurt"
  }
  expect_failures = [var.region]
}

run "rejects_an_invalid_bucket_name" {
  command = plan
  variables {
    state_bucket = "Your_Place"
  }
  expect_failures = [var.state_bucket]
}

run "rejects_a_short_state_retention" {
  command = plan
  variables {
    state_retention_days = 7
  }
  expect_failures = [var.state_retention_days]
}

run "a_stage_in_this_account_gets_what_it_needs_here" {
  command = plan

  assert {
    condition     = output.deployments["test"].roles == { plan = "arn:aws:iam::123456789012:role/mock", apply = "arn:aws:iam::123456789012:role/mock" }
    error_message = "The pipeline must use the roles that this makes for a stage in this account."
  }
}

run "a_stage_in_another_account_gets_nothing_here" {
  command = plan
  variables {
    stages = [
      { name = "test" },
      {
        name = "silent"
        deployment = {
          api_id                   = "silentapi"
          permissions_boundary_arn = "arn:aws:iam::210987654321:policy/boundary"
          roles                    = { plan = "arn:aws:iam::210987654321:role/reader", apply = "arn:aws:iam::210987654321:role/deployer" }
        }
      },
    ]
  }
  assert {
    condition     = keys(module.stage) == ["test"] && output.deployments["silent"].api_id == "silentapi"
    error_message = "The pipeline must use what terraform/bootstrap/stage made for a stage in another account."
  }
}

run "accepts_a_stage_without_a_sender" {
  command = plan
  variables {
    stages = [{ name = "test" }, { name = "silent" }]
  }
}

run "rejects_a_stage_without_a_file" {
  command = plan
  variables {
    stages = [{ name = "missing" }]
  }
  expect_failures = [var.stages]
}

run "rejects_two_stages_with_one_sender" {
  command = plan
  variables {
    stages = [{ name = "test" }, { name = "same" }]
  }
  expect_failures = [output.deployments]
}

run "rejects_a_stage_that_sends_from_the_domain_of_another" {
  command = plan
  variables {
    stages = [{ name = "test" }, { name = "domain" }]
  }
  expect_failures = [output.deployments]
}
