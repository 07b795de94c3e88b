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

override_resource {
  target = aws_iam_policy.functions_boundary
  values = { arn = "arn:aws:iam::123456789012:policy/functions-boundary" }
}

override_resource {
  target = aws_iam_policy.deploy_boundary
  values = { arn = "arn:aws:iam::123456789012:policy/deploy-boundary" }
}

variables {
  stages = [
    { name = "test", bucket = "yourplace", mail_identity = "mail@example.org" },
    { name = "prod", bucket = "yourplace-prod" },
  ]
  state_bucket        = "yourplace-state"
  notification_emails = ["operator@example.org"]
}

run "order" {
  assert {
    condition     = aws_codepipeline.this.stage[*].name == tolist(["Source", "Test", "Deploy-test", "Deploy-prod"])
    error_message = "The pipeline must test a push, then deploy it to the stages in the order in which they are listed."
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

run "apply_gets_exactly_the_approved_plan" {
  assert {
    condition = alltrue([
      for stage in slice(aws_codepipeline.this.stage, 2, 4) :
      stage.action[length(stage.action) - 1].input_artifacts == stage.action[0].output_artifacts
    ])
    error_message = "An apply must get the artifact of its own stage's plan and nothing else."
  }
  assert {
    condition     = length(distinct([for stage in slice(aws_codepipeline.this.stage, 2, 4) : stage.action[0].output_artifacts[0]])) == 2
    error_message = "Each stage must have its own plan."
  }
  assert {
    condition = {
      for key, policy in aws_iam_role_policy.build : key => flatten([
        for s in jsondecode(policy.policy).Statement : s.Resource if contains(s.Action, "s3:PutObject")
      ])
      } == {
      test       = ["arn:aws:s3:::artifacts/yourplace/build/*", "arn:aws:s3:::artifacts/cache/*"]
      test-plan  = ["arn:aws:s3:::artifacts/yourplace/test_plan/*"]
      test-apply = []
      prod-plan  = ["arn:aws:s3:::artifacts/yourplace/prod_plan/*"]
      prod-apply = []
    }
    error_message = "Only a stage's plan build may write its plan, so that no other build can change what was approved."
  }
  assert {
    condition     = [for key, p in aws_codebuild_project.this : key if one(p.cache).type != "NO_CACHE"] == ["test"]
    error_message = "Plan and apply builds must not use the cache that the test build writes."
  }
}

run "builds" {
  assert {
    condition     = toset(keys(aws_codebuild_project.this)) == toset(["test", "test-plan", "test-apply", "prod-plan", "prod-apply"])
    error_message = "There must be one test build, and a plan and an apply build for each stage."
  }
  assert {
    condition     = alltrue([for p in aws_codebuild_project.this : one(p.environment).type == "ARM_CONTAINER" && !coalesce(one(p.environment).privileged_mode, false)])
    error_message = "Builds must run on arm64 without privileged mode."
  }
  assert {
    condition = contains([
      for variable in one(aws_codebuild_project.this["prod-plan"].environment).environment_variable : variable.value
      if variable.name == "TF_VAR_permissions_boundary_arn"
    ], aws_iam_policy.functions_boundary["prod"].arn)
    error_message = "The plan must set the functions' boundary on every role."
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

run "roles_cannot_escalate" {
  assert {
    condition = alltrue([
      for policy in [aws_iam_role_policy.deploy["test-apply"], aws_iam_policy.deploy_boundary["test"]] : [
        for s in jsondecode(policy.policy).Statement :
        try(s.Condition.StringEquals["iam:PermissionsBoundary"], "none")
        if s.Effect == "Allow" && length(setintersection(s.Action, ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"])) > 0
      ] == [aws_iam_policy.functions_boundary["test"].arn]
    ])
    error_message = "A role may be created or granted permissions only if it has the boundary."
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["test-apply"].policy).Statement : [for a in s.Action : a if startswith(a, "iam:")]
      ])) == toset([
      "iam:CreateRole", "iam:CreateServiceLinkedRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:PassRole",
      "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ])
    error_message = "The apply role may use only these IAM actions: none on users, none on managed policies (so it cannot change a boundary), and none that removes a boundary."
  }
  assert {
    condition = alltrue(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["test-apply"].policy).Statement : [
        for r in s.Resource : startswith(r, "arn:aws:iam::123456789012:role/yourplace-test-") || endswith(r, ":role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway")
      ] if length([for a in s.Action : a if startswith(a, "iam:")]) > 0
    ]))
    error_message = "The apply role may manage only its own stage's roles, which do not include the pipeline's roles."
  }
  assert {
    condition = alltrue([
      for key, role in aws_iam_role.build : role.permissions_boundary == (key == "test" ? null : aws_iam_policy.deploy_boundary["test"].arn)
    ])
    error_message = "The plan and apply roles must have a permissions boundary."
  }
  assert {
    condition = alltrue(flatten([
      for policy in concat(values(aws_iam_role_policy.deploy), values(aws_iam_role_policy.build), [aws_iam_role_policy.pipeline]) : [
        for s in jsondecode(policy.policy).Statement : [for a in flatten([s.Action]) : !endswith(a, ":*") && a != "*"]
      ]
    ]))
    error_message = "No role may be granted all actions of a service."
  }
}

run "roles_do_no_more_than_they_need" {
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["test-apply"].policy).Statement : s.Action if contains(s.Resource, "*")
      ])) == toset([
      "cloudwatch:DescribeAlarms", "cognito-idp:CreateUserPool", "lambda:CreateEventSourceMapping", "lambda:GetEventSourceMapping",
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
      "logs:PutResourcePolicy", "logs:UpdateLogDelivery", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe",
    ])
    error_message = "Only the actions listed here, for which IAM supports nothing narrower, may use the resource `*`."
  }
  assert {
    condition = length(regexall(
      ":(Create|Put|Update|Delete|Add|Remove|Tag|Untag|Publish|Set|Pass|DELETE|PATCH|POST|PUT)",
      jsonencode([for s in jsondecode(aws_iam_role_policy.deploy["prod-plan"].policy).Statement : s.Action if s.Sid != "StateLock"]),
    )) == 0
    error_message = "A plan may write nothing but the state's lock."
  }
  assert {
    condition = length([
      for s in jsondecode(aws_iam_role_policy.deploy["test-apply"].policy).Statement : s
      if length([for r in s.Resource : r if startswith(r, "arn:aws:s3:::yourplace/")]) > 0
    ]) == 0
    error_message = "A deployment must have no permission on the objects in the photo bucket."
  }
  assert {
    condition     = length(regexall("s3:DeleteBucket\"|DeleteTable|DeleteUserPool\"", aws_iam_role_policy.deploy["prod-apply"].policy)) == 0
    error_message = "A deployment must not be able to delete a bucket, a table or a user pool."
  }
  assert {
    condition     = length(regexall("prod", aws_iam_role_policy.deploy["test-apply"].policy)) == 0 && length(regexall("yourplace-test|/test/", aws_iam_role_policy.deploy["prod-apply"].policy)) == 0
    error_message = "A stage's roles must not name resources of another stage."
  }
  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.build["test"].policy).Statement : alltrue([for a in s.Action : can(regex("^(logs|codebuild|s3):", a))])
    ])
    error_message = "The test build runs unapproved code, so it may access only its log, its reports and its artifacts."
  }
  assert {
    # Quotas: 10,240 characters of inline policies per role, 6,144 per managed policy.
    condition = alltrue(concat(
      [for key, p in aws_iam_role_policy.deploy : length(p.policy) + length(aws_iam_role_policy.build[key].policy) < 10240],
      [for p in concat(values(aws_iam_policy.deploy_boundary), values(aws_iam_policy.functions_boundary)) : length(p.policy) < 6144],
    ))
    error_message = "The policies must fit IAM's quotas."
  }
}

run "the_longest_names_fit_too" {
  override_data {
    target = data.aws_region.current
    values = { region = "ap-southeast-1" }
  }
  override_resource {
    target = aws_s3_bucket.artifacts
    values = { arn = "arn:aws:s3:::yourplaceyourplacexx-pipeline-123456789012-ap-southeast-1" }
  }
  override_resource {
    target = aws_iam_policy.functions_boundary
    values = { arn = "arn:aws:iam::123456789012:policy/yourplaceyourplacexx-pipeline-stagestagestages-functions-boundary" }
  }
  variables {
    name         = "yourplaceyourplacexx"
    state_bucket = "yourplace-state-123456789012-ap-southeast-1"
    stages = [{
      name          = "stagestagestages"
      bucket        = "a-bucket-with-the-longest-name-that-is-possible-in-s3-xxxxxxxxx"
      mail_identity = "no-reply@a-long-subdomain.of-a-long-domain.example.org"
    }]
  }
  assert {
    condition     = length(aws_iam_policy.deploy_boundary["stagestagestages"].policy) <= 6144
    error_message = "With the longest names, the boundary has ${length(aws_iam_policy.deploy_boundary["stagestagestages"].policy)} characters. IAM allows 6,144."
  }
}

run "the_functions_fit_their_boundary" {
  assert {
    condition = length(setsubtract(
      flatten([for f in jsondecode(file("${path.module}/../../lambdas/service.json")).functions : [for p in f.permissions : p.actions]]),
      flatten([for s in jsondecode(aws_iam_policy.functions_boundary["test"].policy).Statement : s.Action]),
    )) == 0
    error_message = "service.json uses an action that functions_boundary (permissions.tf) does not allow. Decide whether every function may have it, then add it there."
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

run "rejects_overlapping_stage_names" {
  command = plan
  variables {
    stages = [{ name = "test-eu", bucket = "yourplace" }]
  }
  expect_failures = [var.stages]
}

run "rejects_a_stage_named_pipeline" {
  command = plan
  variables {
    stages = [{ name = "pipeline", bucket = "yourplace" }]
  }
  expect_failures = [var.stages]
}

run "rejects_two_stages_in_one_bucket" {
  command = plan
  variables {
    stages = [{ name = "test", bucket = "yourplace" }, { name = "prod", bucket = "yourplace" }]
  }
  expect_failures = [var.stages]
}

run "rejects_two_stages_with_one_folder_of_artifacts" {
  command = plan
  variables {
    stages = [{ name = "production1", bucket = "yourplace-1" }, { name = "production2", bucket = "yourplace-2" }]
  }
  expect_failures = [var.stages]
}

run "long_stage_names_have_their_own_folders" {
  command = plan
  variables {
    stages = [{ name = "staging1", bucket = "yourplace-1" }, { name = "staging2", bucket = "yourplace-2" }]
  }
  assert {
    condition     = length(distinct(values(local.folders))) == 4
    error_message = "Two artifacts share a folder, so one stage's plan build could write another stage's plan."
  }
}

run "rejects_two_stages_with_one_sender" {
  command = plan
  variables {
    stages = [
      { name = "test", bucket = "yourplace", mail_identity = "mail@example.org" },
      { name = "prod", bucket = "yourplace-prod", mail_identity = "mail@example.org" },
    ]
  }
  expect_failures = [var.stages]
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
