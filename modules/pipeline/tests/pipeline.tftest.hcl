# The provider is mocked, so no API is called. `apply` only fills in the values that AWS would compute.

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
    defaults = { arn = "arn:aws:codecommit:eu-central-1:123456789012:yourplace", clone_url_http = "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/yourplace" }
  }
  mock_resource "aws_codeconnections_connection" {
    defaults = { arn = "arn:aws:codeconnections:eu-central-1:123456789012:connection/mock" }
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
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::artifacts" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:yourplace-pipeline-notifications" }
  }
}

variables {
  stages = [
    {
      name                     = "test"
      api_id                   = "testapi"
      permissions_boundary_arn = "arn:aws:iam::123456789012:policy/test-boundary"
      roles                    = { plan = "arn:aws:iam::123456789012:role/test-reader", apply = "arn:aws:iam::123456789012:role/test-deployer" }
    },
    {
      name                     = "prod"
      api_id                   = "prodapi"
      permissions_boundary_arn = "arn:aws:iam::210987654321:policy/prod-boundary"
      roles                    = { plan = "arn:aws:iam::210987654321:role/prod-reader", apply = "arn:aws:iam::210987654321:role/prod-deployer" }
    },
  ]
  buildspec           = file("../../buildspec.yml")
  state_bucket        = "yourplace-state"
  notification_emails = ["operator@example.org"]
}

run "order" {
  assert {
    condition     = aws_codepipeline.this.stage[*].name == tolist(["Source", "Build", "Deploy-test", "Deploy-prod"])
    error_message = "The pipeline must test a push and build its zips, then deploy it to the stages in the order in which they are listed."
  }
  assert {
    condition     = aws_codepipeline.this.pipeline_type == "V2" && aws_codepipeline.this.execution_mode == "SUPERSEDED"
    error_message = "The pipeline must be of type V2, and only the newest waiting push may continue."
  }
  assert {
    condition     = [for a in aws_codepipeline.this.stage[2].action : a.name] == ["Plan", "Apply"]
    error_message = "The stage `test` must be deployed without an approval."
  }
  assert {
    condition     = [for a in aws_codepipeline.this.stage[3].action : "${a.run_order} ${a.name} ${a.category}"] == ["1 Plan Build", "2 Approve Approval", "3 Apply Build"]
    error_message = "A production stage must wait for an approval between its plan and its apply."
  }
  assert {
    condition     = aws_codepipeline.this.stage[3].action[1].configuration.NotificationArn == aws_sns_topic.notifications.arn
    error_message = "The approvers must be notified when a plan waits."
  }
}

run "only_digests_connect_the_steps" {
  assert {
    condition = jsonencode([for a in aws_codepipeline.this.stage[1].action : [a.namespace, a.input_artifacts, a.output_artifacts]]) == jsonencode([
      ["Test", ["source"], null],
      ["Release", ["source"], ["release"]],
    ])
    error_message = "The tests must hand over no files, and the release build the zips."
  }
  assert {
    condition = alltrue([
      for stage in slice(aws_codepipeline.this.stage, 2, 4) : (
        jsonencode(stage.action[0].input_artifacts) == jsonencode(["source", "release"]) &&
        jsonencode(stage.action[length(stage.action) - 1].input_artifacts) == jsonencode(concat(["source", "release"], stage.action[0].output_artifacts))
      )
    ])
    error_message = "A plan must get the source and the zips of the release build, and an apply also the plan of its own stage."
  }
  assert {
    condition = [for a in aws_codepipeline.this.stage[3].action : { for v in jsondecode(a.configuration.EnvironmentVariables) : v.name => v.value } if a.category == "Build"] == [
      { REBUILT_SHA256 = "#{Test.ZIPS_SHA256}", ZIPS_SHA256 = "#{Release.ZIPS_SHA256}" },
      { ZIPS_SHA256 = "#{Release.ZIPS_SHA256}", PLAN_SHA256 = "#{Plan-prod.PLAN_SHA256}" },
    ]
    error_message = "A plan must know the digests of both builds of the zips, and an apply those of the zips and of its own stage's plan."
  }
  assert {
    # AWS CodePipeline API reference, ActionConfigurationValue.
    condition     = alltrue([for stage in aws_codepipeline.this.stage : alltrue([for a in stage.action : alltrue([for value in values(a.configuration) : length(value) <= 1000])])])
    error_message = "CodePipeline accepts at most 1,000 characters in each setting of an action."
  }
  assert {
    condition     = length(distinct([for stage in slice(aws_codepipeline.this.stage, 2, 4) : stage.action[0].output_artifacts[0]])) == 2
    error_message = "Each stage must have its own plan."
  }
  assert {
    condition = {
      for key, policy in aws_iam_role_policy.build : key => flatten([
        for s in jsondecode(policy.policy).Statement : s.Resource if s.Sid == "WriteArtifacts"
      ])
      } == {
      test       = ["arn:aws:s3:::artifacts/cache/*"]
      release    = ["arn:aws:s3:::artifacts/yourplace/release/*"]
      test-plan  = ["arn:aws:s3:::artifacts/yourplace/test_plan/*"]
      test-apply = []
      prod-plan  = ["arn:aws:s3:::artifacts/yourplace/prod_plan/*"]
      prod-apply = []
    }
    error_message = "Only the release build may write the zips, and only a stage's plan build its plan."
  }
  assert {
    condition     = [for key, p in aws_codebuild_project.this : key if one(p.cache).type != "NO_CACHE"] == ["test"]
    error_message = "Only the tests may use the cache."
  }
}

run "builds_run_the_buildspec_of_the_bootstrap" {
  assert {
    condition = { for key, p in aws_codebuild_project.this : key => sort(keys(yamldecode(one(p.source).buildspec))) } == {
      test       = tolist(["cache", "env", "phases", "reports", "version"])
      release    = tolist(["artifacts", "env", "phases", "version"])
      test-plan  = tolist(["artifacts", "env", "phases", "version"])
      test-apply = tolist(["env", "phases", "version"])
      prod-plan  = tolist(["artifacts", "env", "phases", "version"])
      prod-apply = tolist(["env", "phases", "version"])
    }
    error_message = "A project must have its build specification from Terraform, with only the parts that it needs."
  }
  assert {
    condition     = alltrue([for p in aws_codebuild_project.this : yamldecode(one(p.source).buildspec).phases == yamldecode(file("../../buildspec.yml")).phases])
    error_message = "A project must run the commands of buildspec.yml."
  }
  assert {
    condition = contains(
      [for v in one(aws_codebuild_project.this["test"].environment).environment_variable : "${v.name} ${v.value}"],
      "BUILDSPEC_SHA256 ${filesha256("../../buildspec.yml")}",
    )
    error_message = "The tests must know which build specification the pipeline uses."
  }
}

run "builds" {
  assert {
    condition     = toset(keys(aws_codebuild_project.this)) == toset(["test", "release", "test-plan", "test-apply", "prod-plan", "prod-apply"])
    error_message = "There must be a test build and a release build, and a plan and an apply build for each stage."
  }
  assert {
    condition     = alltrue([for p in aws_codebuild_project.this : one(p.environment).type == "ARM_CONTAINER" && !coalesce(one(p.environment).privileged_mode, false)])
    error_message = "Builds must run on arm64 without privileged mode."
  }
  assert {
    condition = { for v in one(aws_codebuild_project.this["prod-plan"].environment).environment_variable : v.name => v.value } == {
      ACTION                          = "plan"
      ROLE_ARN                        = "arn:aws:iam::210987654321:role/prod-reader"
      STAGE                           = "prod"
      STATE_BUCKET                    = "yourplace-state"
      TF_VAR_api_id                   = "prodapi"
      TF_VAR_permissions_boundary_arn = "arn:aws:iam::210987654321:policy/prod-boundary"
    }
    error_message = "A plan must be about what the bootstrap made for its stage, in the stage's account."
  }
  assert {
    condition     = alltrue([for p in aws_codebuild_project.this : p.concurrent_build_limit == null])
    error_message = "A project must have no limit of concurrent builds: above the limit, CodeBuild fails a build instead of queueing it."
  }
  assert {
    condition     = alltrue([for g in aws_cloudwatch_log_group.build : g.retention_in_days == 90])
    error_message = "Build logs must expire."
  }
  assert {
    condition = (
      aws_s3_bucket_public_access_block.artifacts.restrict_public_buckets &&
      aws_s3_bucket_public_access_block.artifacts.block_public_policy &&
      aws_s3_bucket_public_access_block.artifacts.block_public_acls &&
      aws_s3_bucket_public_access_block.artifacts.ignore_public_acls
    )
    error_message = "The artifact bucket must block all public access."
  }
}

run "builds_can_do_nothing_by_themselves" {
  assert {
    condition = { for key, policy in aws_iam_role_policy.build : key => flatten([
      for s in jsondecode(policy.policy).Statement : s.Resource if contains(s.Action, "sts:AssumeRole")
      ]) } == {
      test       = []
      release    = []
      test-plan  = ["arn:aws:iam::123456789012:role/test-reader"]
      test-apply = ["arn:aws:iam::123456789012:role/test-deployer"]
      prod-plan  = ["arn:aws:iam::210987654321:role/prod-reader"]
      prod-apply = ["arn:aws:iam::210987654321:role/prod-deployer"]
    }
    error_message = "A build must assume the role of its own stage and action, and no other."
  }
  assert {
    condition     = toset([for s in jsondecode(aws_iam_role_policy.build["release"].policy).Statement : s.Sid]) == toset(["Log", "ReadArtifacts", "WriteArtifacts", "ArtifactBucket"])
    error_message = "The release build may access only the source, its artifact and its log."
  }
  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.build), [aws_iam_role_policy.pipeline]) : [
        for s in jsondecode(policy.policy).Statement : [for a in flatten([s.Action]) : !strcontains(a, "*")]
      ]
    ]))
    error_message = "No role may be granted actions by a wildcard."
  }
}

run "failures_are_reported" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.failure["execution"].event_pattern).detail == { pipeline = ["yourplace"], state = ["FAILED"] }
    error_message = "A failed run of the pipeline must trigger a notification."
  }
  assert {
    condition = (
      toset(jsondecode(aws_cloudwatch_event_rule.failure["build"].event_pattern).detail["project-name"]) == toset([for p in aws_codebuild_project.this : p.name])
      && contains(jsondecode(aws_cloudwatch_event_rule.failure["build"].event_pattern).detail["build-status"], "FAILED")
    )
    error_message = "A failed build of any project must trigger a notification."
  }
  assert {
    condition     = alltrue([for t in aws_cloudwatch_event_target.failure : t.arn == aws_sns_topic.notifications.arn])
    error_message = "Failures must be published to the topic."
  }
  assert {
    condition = jsondecode(aws_sns_topic_policy.notifications.policy).Statement[0].Condition.ArnEquals["aws:SourceArn"] == [
      for r in aws_cloudwatch_event_rule.failure : "arn:aws:events:eu-central-1:123456789012:rule/${r.name}"
    ]
    error_message = "The topic must accept messages from these rules."
  }
  assert {
    condition     = aws_sns_topic_subscription.email["operator@example.org"].topic_arn == aws_sns_topic.notifications.arn
    error_message = "The operator must be subscribed to the topic."
  }
}

run "a_push_starts_the_pipeline" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.push[0].event_pattern).detail.referenceName == ["main"] && aws_cloudwatch_event_target.push[0].arn == aws_codepipeline.this.arn
    error_message = "A push to the branch must start the pipeline."
  }
  assert {
    condition     = jsondecode(aws_iam_role_policy.push[0].policy).Statement[0].Resource == aws_codepipeline.this.arn
    error_message = "The rule may start only this pipeline."
  }
}

run "github" {
  variables {
    github_repository = "example/yourplace"
  }
  assert {
    condition     = aws_codepipeline.this.stage[0].action[0].provider == "CodeStarSourceConnection" && aws_codepipeline.this.stage[0].action[0].configuration.FullRepositoryId == "example/yourplace"
    error_message = "The source must be the GitHub repository."
  }
  assert {
    condition = length(setsubtract(
      ["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:PutObjectAcl"],
      flatten([for s in jsondecode(aws_iam_role_policy.pipeline.policy).Statement : s.Action]),
    )) == 0
    error_message = "The pipeline's role lacks an action that AWS requires (CodePipeline User Guide, Manage the CodePipeline service role). A connection's upload sets an ACL."
  }
  assert {
    condition     = length(aws_codecommit_repository.this) + length(aws_cloudwatch_event_rule.push) + length(aws_iam_role.push) == 0
    error_message = "With GitHub there must be no CodeCommit repository and no event rule, because the connection starts the pipeline."
  }
  assert {
    condition     = output.clone_url == "https://github.com/example/yourplace.git"
    error_message = "The clone URL must be GitHub's."
  }
}

run "rejects_a_url_as_the_repository" {
  command = plan
  variables {
    github_repository = "https://github.com/example/yourplace"
  }
  expect_failures = [var.github_repository]
}

run "rejects_an_x86_image" {
  command = plan
  variables {
    build_image = "aws/codebuild/standard:7.0"
  }
  expect_failures = [var.build_image]
}

run "rejects_an_unsupported_retention" {
  command = plan
  variables {
    log_retention_days = 91
  }
  expect_failures = [var.log_retention_days]
}

run "rejects_two_stages_with_one_folder_of_artifacts" {
  command = plan
  variables {
    stages = [for name in ["production1", "production2"] : {
      name                     = name
      api_id                   = name
      permissions_boundary_arn = name
      roles                    = { plan = "${name}-reader", apply = "${name}-deployer" }
    }]
  }
  expect_failures = [var.stages]
}

run "long_stage_names_have_their_own_folders" {
  command = plan
  variables {
    stages = [for name in ["staging1", "staging2"] : {
      name                     = name
      api_id                   = name
      permissions_boundary_arn = name
      roles                    = { plan = "${name}-reader", apply = "${name}-deployer" }
    }]
  }
  assert {
    condition     = length(distinct(values(local.folders))) == 4
    error_message = "Two artifacts share a folder, so one stage's plan build could write another stage's plan."
  }
}

run "rejects_a_buildspec_that_is_not_yaml" {
  command = plan
  variables {
    buildspec = "buildspec.yml"
  }
  expect_failures = [var.buildspec]
}
