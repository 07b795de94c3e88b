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
  mock_resource "aws_apigatewayv2_api" {
    defaults = { id = "a1b2c3d4e5" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::photos" }
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
  stage    = "test"
  prefixes = { "incoming/" = { expires_days = 7 }, "photos/" = {} }
  settings = <<-EOT
    # A comment.
    stage       = "test"
    bucket_name = "photos"
    mail_sender = "mail@example.org"
  EOT
}

run "the_bucket_has_the_settings_of_the_stage" {
  variables {
    settings = "bucket_name = \"photos\"\nold_version_days = 7\nforce_destroy = true\n"
  }
  assert {
    condition     = [local.bucket, local.old_version_days, local.force_destroy, local.mail_identity] == ["photos", 7, true, null]
    error_message = "The bootstrap reads other settings than a deployment would."
  }
}

run "defaults_are_safe" {
  assert {
    condition     = [local.bucket, local.old_version_days, local.force_destroy, local.mail_identity] == ["photos", null, false, "mail@example.org"]
    error_message = "The bootstrap reads other settings than a deployment would."
  }
}

run "only_the_build_of_the_same_name_may_assume_a_role" {
  variables {
    pipeline_account = "210987654321"
  }
  assert {
    condition = { for action, role in aws_iam_role.deploy : action => [
      jsondecode(role.assume_role_policy).Statement[0].Principal.AWS,
      jsondecode(role.assume_role_policy).Statement[0].Condition.ArnEquals["aws:PrincipalArn"],
      role.name,
      ] } == {
      plan  = ["arn:aws:iam::210987654321:root", "arn:aws:iam::210987654321:role/yourplace-pipeline-test-plan", "yourplace-pipeline-test-reader"]
      apply = ["arn:aws:iam::210987654321:root", "arn:aws:iam::210987654321:role/yourplace-pipeline-test-apply", "yourplace-pipeline-test-deployer"]
    }
    error_message = "Only the plan build of the stage may assume the reader, and only its apply build the deployer, of the pipeline's account."
  }
  assert {
    condition     = strcontains(aws_iam_role_policy.deploy["apply"].policy, "arn:aws:lambda:eu-central-1:123456789012:function:yourplace-test-*")
    error_message = "The roles must be about the stage's own account."
  }
}

run "roles_cannot_escalate" {
  assert {
    condition = alltrue([
      for policy in [aws_iam_role_policy.deploy["apply"], aws_iam_policy.deploy_boundary] : [
        for s in jsondecode(policy.policy).Statement :
        try(s.Condition.StringEquals["iam:PermissionsBoundary"], "none")
        if s.Effect == "Allow" && length(setintersection(s.Action, ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"])) > 0
      ] == [aws_iam_policy.functions_boundary.arn]
    ])
    error_message = "A role may be created or granted permissions only if it has the boundary."
  }
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["apply"].policy).Statement : [for a in s.Action : a if startswith(a, "iam:")]
      ])) == toset([
      "iam:CreateRole", "iam:CreateServiceLinkedRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:ListRoleTags", "iam:PassRole", "iam:PutRolePermissionsBoundary",
      "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription",
    ])
    error_message = "The deployer may use only these IAM actions: none on users, none on managed policies (so it cannot change a boundary), and none that removes a boundary."
  }
  assert {
    condition = alltrue(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["apply"].policy).Statement : [
        for r in s.Resource : startswith(r, "arn:aws:iam::123456789012:role/yourplace-test-") || r == "arn:aws:iam::123456789012:role/aws-service-role/email.cognito-idp.amazonaws.com/*"
      ] if length([for a in s.Action : a if startswith(a, "iam:")]) > 0
    ]))
    error_message = "The deployer may manage only its own stage's roles, which do not include the pipeline's roles, and Cognito's own role."
  }
  assert {
    condition     = alltrue([for role in aws_iam_role.deploy : role.permissions_boundary == aws_iam_policy.deploy_boundary.arn])
    error_message = "The reader and the deployer must have a permissions boundary."
  }
  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.deploy : [for s in jsondecode(policy.policy).Statement : [for a in s.Action : !endswith(a, ":*") && a != "*"]]
    ]))
    error_message = "No role may be granted all actions of a service."
  }
}

run "roles_do_no_more_than_they_need" {
  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["apply"].policy).Statement : s.Action if contains(s.Resource, "*")
      ])) == toset([
      "cloudfront:CreateOriginAccessControl", "cloudwatch:DescribeAlarms", "cognito-idp:CreateUserPool", "lambda:CreateEventSourceMapping", "lambda:GetEventSourceMapping",
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
      "logs:PutResourcePolicy", "logs:UpdateLogDelivery", "sns:GetSubscriptionAttributes", "sns:SetSubscriptionAttributes", "sns:Unsubscribe",
    ])
    error_message = "Only the actions listed here, for which IAM supports nothing narrower, may use the resource `*`."
  }
  assert {
    condition = length(regexall(
      ":(Create|Put|Update|Delete|Add|Remove|Tag|Untag|Publish|Set|Pass|DELETE|PATCH|POST|PUT)",
      jsonencode([for s in jsondecode(aws_iam_role_policy.deploy["plan"].policy).Statement : s.Action]),
    )) == 0
    error_message = "A plan may change nothing."
  }
  assert {
    # Quotas: 10,240 characters of inline policies per role, 6,144 per managed policy.
    condition = alltrue(concat(
      [for p in aws_iam_role_policy.deploy : length(p.policy) < 10240],
      [for p in [aws_iam_policy.deploy_boundary, aws_iam_policy.functions_boundary] : length(p.policy) < 6144],
    ))
    error_message = "The policies must fit IAM's quotas."
  }
}

run "the_longest_names_fit_too" {
  # Without the state of the runs before, whose shorter ARNs it would keep.
  state_key = "longest"

  override_data {
    target = data.aws_region.current
    values = { region = "ap-southeast-1" }
  }
  override_resource {
    target = aws_iam_policy.functions_boundary
    values = { arn = "arn:aws:iam::123456789012:policy/yourplaceyourplacexx-pipeline-stagestagestages-functions-boundary" }
  }
  override_resource {
    target = module.bucket.aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::a-bucket-with-the-longest-name-that-is-possible-in-s3-xxxxxxxxx" }
  }
  override_resource {
    target = module.web_bucket.aws_s3_bucket.this
    values = { arn = "arn:aws:s3:::yourplaceyourplacexx-stagestagestages-web-123456789012" }
  }
  variables {
    name     = "yourplaceyourplacexx"
    stage    = "stagestagestages"
    settings = "bucket_name = \"photos\"\nmail_sender = \"no-reply@a-long-subdomain.of-a-long-domain.example.org\"\nfirewall = {}\n"
  }
  assert {
    condition = length(aws_iam_policy.deploy_boundary.policy) <= 6144 && alltrue([
      for part in ["wafv2:*", "longest-name-that-is-possible-in-s3", "xx-stagestagestages-web-", "xx-pipeline-stagestagestages-functions-boundary"] :
      strcontains(aws_iam_policy.deploy_boundary.policy, part)
    ])
    error_message = "With the longest names and a firewall, the boundary has ${length(aws_iam_policy.deploy_boundary.policy)} characters. IAM allows 6,144."
  }
}

run "rejects_overlapping_stage_names" {
  command = plan
  variables {
    stage = "test-eu"
  }
  expect_failures = [var.stage]
}

run "rejects_a_stage_named_pipeline" {
  command = plan
  variables {
    stage = "pipeline"
  }
  expect_failures = [var.stage]
}

run "rejects_settings_without_a_bucket" {
  command = plan
  variables {
    settings = "# bucket_name = \"photos\"\n"
  }
  expect_failures = [var.settings]
}

run "rejects_a_wildcard_as_the_sender" {
  command = plan
  variables {
    settings = "bucket_name = \"photos\"\nmail_sender = \"*\"\n"
  }
  expect_failures = [var.settings]
}

run "rejects_the_sender_of_the_example" {
  command = plan
  variables {
    settings = "bucket_name = \"photos\"\nmail_sender = \"no-reply@yourplace.example\"\n"
  }
  expect_failures = [var.settings]
}

run "rejects_the_address_for_alarms_of_the_example" {
  command = plan
  variables {
    settings = "bucket_name = \"photos\"\nalarm_email = \"on-call@yourplace.example\"\n"
  }
  expect_failures = [var.settings]
}

run "rejects_an_account_that_is_not_a_number" {
  command = plan
  variables {
    pipeline_account = "production"
  }
  expect_failures = [var.pipeline_account]
}
